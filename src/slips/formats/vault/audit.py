"""The audit device of HashiCorp Vault and OpenBao: a request or a response each."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

VAULT_AUDIT = Json(
    "vault-audit",
    "HashiCorp Vault audit device: requests and responses",
    "https://developer.hashicorp.com/vault/docs/audit",
    require=all_of("type", any_of("request", "auth", "response")),
    time=iso("time"),
    tag="vault.audit.{type}",
    message=(
        "{type} {request.operation|'-'} {request.path|'-'} by {auth.display_name|auth.entity_id|'-'} from "
        "{request.remote_address|'-'} {error|''}"
    ),
    entities={"addresses": "request.remote_address", "users": "auth.display_name auth.metadata.username"},
)
