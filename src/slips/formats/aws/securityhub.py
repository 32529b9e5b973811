"""AWS Security Hub: findings in the AWS Security Finding Format (ASFF), and in OCSF."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from slips.format import Event, Parse, Rule
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, epoch, iso
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
        "Action.PortProbeAction.PortProbeDetails.LocalIpDetails.IpAddressV4 "
        "NetworkPath.Ingress.Source.Address NetworkPath.Ingress.Destination.Address "
        "NetworkPath.Egress.Source.Address NetworkPath.Egress.Destination.Address "
        "Resources.Details.AwsEc2Instance.IpV4Addresses Resources.Details.AwsEc2Instance.IpV6Addresses "
        "Detection.Sequence.Endpoints.Ip",
        "users": "Resources.Details.AwsIamAccessKey.PrincipalName Resources.Details.AwsIamAccessKey.UserName "
        "Resources.Details.AwsIamUser.UserName Detection.Sequence.Actors.User.Name",
        "hosts": "Resources.Id",
        "domains": "Network.SourceDomain Network.DestinationDomain Action.DnsRequestAction.Domain "
        "Action.AwsApiCallAction.DomainDetails.Domain Detection.Sequence.Endpoints.Domain",
        "hashes": "Threats.FilePaths.Hash",
    },
}
_OCSF_PARTS: dict[str, Any] = {
    "name": "securityhub-ocsf",
    "summary": "findings of AWS Security Hub in OCSF, also as events 'Findings Imported V2' of EventBridge",
    "reference": "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-v2-cwe-event-formats.html",
    "tag": "aws.securityhub-ocsf",
    "time": epoch("time", unit="ms"),
    "message": "{severity|'-'} {finding_info.title|message|'-'} in {cloud.account.uid|'-'} {cloud.region|'-'}",
    "entities": {
        "addresses": "evidences.src_endpoint.ip evidences.dst_endpoint.ip",
        "users": "evidences.actor.user.name",
        "hosts": "resources.uid",
        "domains": "evidences.query.hostname evidences.dst_endpoint.hostname",
        "hashes": "evidences.file.hashes.value evidences.process.file.hashes.value malware.files.hashes.value",
    },
}


def _splitter(parse_finding: Parse) -> Callable[[MetaData, Event], Any]:
    """Return a function that makes an event of each finding in an event of EventBridge; the rest of it is their field
    `eventbridge`. The function raises RecordError for an event of something else.
    """

    def split(meta: MetaData, event: Event) -> Any:
        detail = event.get("detail")
        detail = detail if isinstance(detail, dict) else {}
        findings = detail.get("findings")
        if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
            return parse_finding(meta, event)
        envelope = {**event, "detail": {name: value for name, value in detail.items() if name != "findings"}}
        made = Several()
        for index, finding in enumerate(findings):
            each = copy.copy(meta)
            each.index = index
            parse_finding(each, finding)
            made.append((each, {**finding, "eventbridge": envelope}))
        return made or NO_FINDINGS

    return split


def _findings(parts: dict[str, Any], require: Any) -> Json:
    """Return the declaration of findings, bare or in events of EventBridge."""
    parse_finding = Json(**parts, require=require).parse
    return Json(**parts | {"time": None, "message": ""}, rules=(NO_FINDINGS,), refine=_splitter(parse_finding))


SECURITYHUB_ASFF = _findings(_PARTS, any_of("ProductArn", "GeneratorId", "AwsAccountId"))
SECURITYHUB_OCSF = _findings(_OCSF_PARTS, all_of("class_uid", "finding_info", "metadata.product.uid"))
