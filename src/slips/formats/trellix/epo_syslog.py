"""Threat events that Trellix (McAfee) ePO on-premises forwards to a syslog server, as XML."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

_EVENT = "SoftwareInfo.Event"
_FIELDS = f"{_EVENT}.CommonFields"
_UPDATE = "McAfeeCommonUpdater.UpdateEvent"
_FOUND = "PhoenixEngine.InventoryAssessmentResultInfo"

# Times are those of UTC. Without an event, as of products that report their state, the time is that of the header.
TRELLIX_EPO_SYSLOG = Json(
    "trellix-epo-syslog",
    "Trellix (McAfee) ePO on-premises: events of its syslog server, as XML behind a header of RFC 5424",
    "https://docs.mcafee.com/bundle/epolicy-orchestrator-5.10.0-product-guide/page/"
    "GUID-FEBFD694-352E-4276-B67E-AD1807E4E7A6.html",
    chain=("s3-lines", "syslog-any", "xml", "trellix-epo-syslog"),
    require=all_of("MachineInfo", any_of("SoftwareInfo", "MachineInfo.AgentGUID")),
    time=stamp(f"{_EVENT}.GMTTime", f"{_FIELDS}.DetectedUTC", f"{_UPDATE}.GMTTime", f"{_FOUND}.GMTTime"),
    tag="trellix.epo.{SoftwareInfo.Event.CommonFields.ThreatCategory|'event'}",
    message=f"event{{' ' {_EVENT}.EventID|{_UPDATE}.EventID|{_FOUND}.EventID}} on {{MachineInfo.MachineName|'-'}}"
    f"{{' ' {_UPDATE}.Type}}"
    "{' ' SoftwareInfo.Event.CommonFields.ThreatType}{' ' SoftwareInfo.Event.CommonFields.ThreatName}"
    "{' ' SoftwareInfo.Event.CommonFields.ThreatActionTaken}",
    integers=f"{_EVENT}.EventID {_EVENT}.Severity {_FIELDS}.ThreatSeverity {_FIELDS}.TargetPort "
    f"{_FIELDS}.ThreatEventID MachineInfo.TimeZoneBias "
    f"{_UPDATE}.EventID {_UPDATE}.Severity {_FOUND}.EventID {_FOUND}.Severity",
    booleans=f"{_FIELDS}.ThreatHandled",
    entities={
        "addresses": f"MachineInfo.IPAddress {_FIELDS}.SourceIPV4 {_FIELDS}.TargetIPV4",
        "users": f"MachineInfo.UserName {_FIELDS}.SourceUserName {_FIELDS}.TargetUserName",
        "hosts": f"MachineInfo.MachineName {_FIELDS}.TargetHostName {_FIELDS}.SourceHostName",
        "hashes": f"{_EVENT}.CustomFields.SourceProcessHash {_EVENT}.CustomFields.TargetHash",
    },
)
