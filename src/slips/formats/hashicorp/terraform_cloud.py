"""The audit trail of HCP Terraform (Terraform Cloud)."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TERRAFORM_CLOUD = Json(
    "terraform-cloud",
    "audit trail of HCP Terraform (Terraform Cloud)",
    "https://developer.hashicorp.com/terraform/cloud-docs/api-docs/audit-trails",
    require=all_of("resource", any_of("auth", "request", "version")),
    time=iso("timestamp"),
    tag="terraform.{resource.type|'resource'}.{resource.action|'event'}",
    message="{resource.action|'-'} {resource.type|'-'} {resource.id|'-'} by {auth.description|auth.accessor_id|'-'}",
    entities={"addresses": "request.ip_address", "users": "auth.description"},
)
