"""AWS Security Hub: findings in the AWS Security Finding Format (ASFF)."""

from __future__ import annotations

import copy
from typing import Any

from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, any_of, iso
from slips.parsing.stages import Several

NO_FINDINGS = Rule("no-findings", "events of EventBridge whose list of findings is empty")

_PARTS: dict[str, Any] = {
    "name": "securityhub-asff",
    "summary": "findings of AWS Security Hub in its format ASFF, also as events of EventBridge",
    "reference": "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html",
    "tag": "aws.securityhub",
    "time": iso("UpdatedAt", "LastObservedAt", "CreatedAt"),
    "message": "{FindingProviderFields.Severity.Label|Severity.Label|'-'} {Title|GeneratorId|'-'} in "
    "{AwsAccountId|'-'} {Region|'-'}",
    "entities": {
        "addresses": "Network.SourceIpV4 Network.SourceIpV6 Network.DestinationIpV4 Network.DestinationIpV6 "
        "Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4 "
        "Action.NetworkConnectionAction.RemoteIpDetails.IpAddressV4 "
        "Action.PortProbeAction.PortProbeDetails.RemoteIpDetails.IpAddressV4 "
        "Resources.Details.AwsEc2Instance.IpV4Addresses",
        "users": "Resources.Details.AwsIamAccessKey.PrincipalName Resources.Details.AwsIamUser.UserName",
        "hosts": "Resources.Id",
        "domains": "Network.SourceDomain Network.DestinationDomain Action.DnsRequestAction.Domain",
        "hashes": "Malware.Hash",
    },
}
_parse_finding = Json(**_PARTS, require=any_of("ProductArn", "GeneratorId", "AwsAccountId")).parse


def _split(meta: MetaData, event: Event) -> Any:
    """Make an event of each finding in an event of EventBridge; the rest of it is their field `eventbridge`.

    Raises RecordError for an event of something else.
    """
    detail = event.get("detail")
    detail = detail if isinstance(detail, dict) else {}
    findings = detail.get("findings")
    if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
        return _parse_finding(meta, event)
    envelope = {**event, "detail": {name: value for name, value in detail.items() if name != "findings"}}
    made = Several()
    for index, finding in enumerate(findings):
        each = copy.copy(meta)
        each.index = index
        _parse_finding(each, finding)
        made.append((each, {**finding, "eventbridge": envelope}))
    return made or NO_FINDINGS


SECURITYHUB_ASFF = Json(**_PARTS | {"time": None, "message": ""}, rules=(NO_FINDINGS,), refine=_split)
