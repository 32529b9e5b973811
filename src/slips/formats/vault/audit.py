"""Logs of HashiCorp Vault and OpenBao: of the audit device, a request or a response each; and of the server."""

from __future__ import annotations

from slips.parsing import Json, Patterns, all_of, any_of, iso, one_of

VAULT_AUDIT = one_of(
    "vault-audit",
    "HashiCorp Vault: the audit device's requests and responses, and the server's own log",
    "https://developer.hashicorp.com/vault/docs/audit",
    Json(
        "vault.audit",
        "the audit device",
        require=all_of("type", any_of("request", "auth", "response")),
        time=iso("time"),
        tag="vault.audit.{type}",
        message=(
            "{type}{' ' request.operation}{' ' request.path}{' by ' auth.display_name|auth.entity_id}"
            "{' from ' request.remote_address}{' ' error}"
        ),
    ),
    Json(
        "vault.server.json",
        "the server's log as JSON",
        require=all_of("@message", any_of("@level", "@timestamp")),
        time=iso("@timestamp"),
        tag="vault.server",
        message="{@message}",
    ),
    Patterns(
        "vault.server",
        "the server's log",
        time=iso("time"),
        tag="vault.server",
        message="{message}",
        patterns=(
            r"(?P<time>\d{4}-[^ ]+) \[(?P<level>[A-Z]+)\] +(?:(?P<service>[a-z][^: ]*): )?(?P<message>.*)",
            r"==> (?P<message>.*)",
        ),
    ),
    tag="vault.{audit|server}",
    entities={"addresses": "request.remote_address", "users": "auth.display_name auth.metadata.username"},
)
