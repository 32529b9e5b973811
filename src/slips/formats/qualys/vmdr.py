"""Qualys VMDR: hosts with what was detected on them, its knowledge base, and the log of user activity."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

_NUMBERS = "SEVERITY", "PORT", "TIMES_FOUND", "TIMES_REOPENED"
"""Numbers of a detection."""
_FLAGS = (
    *("SSL", "IS_IGNORED", "IS_DISABLED"),
    *("AFFECT_RUNNING_KERNEL", "AFFECT_RUNNING_SERVICE", "AFFECT_EXPLOITABLE_CONFIG"),
)
"""Flags of a detection, written 1 or 0."""


def _in_host(*names: str) -> tuple[str, ...]:
    """Return the paths of fields of detections in the record of their host."""
    return tuple(f"{place}.{name}" for place in ("DETECTION_LIST", "DETECTION_LIST.DETECTION") for name in names)


_OF_BASE = "PATCHABLE", "PCI_FLAG"
_REFERENCE = "https://docs.qualys.com/en/vm/api/assets/host_lists/host_detection.htm"
_TIME = iso(
    *("DETECTION_LIST.LAST_UPDATE_DATETIME", "DETECTION_LIST.LAST_FOUND_DATETIME", "LAST_UPDATE_DATETIME"),
    *("LAST_FOUND_DATETIME", "LAST_SCAN_DATETIME", "LAST_VM_SCANNED_DATE", "LAST_VULN_SCAN_DATETIME"),
    *("LAST_SERVICE_MODIFICATION_DATETIME", "PUBLISHED_DATETIME", "Date", "LAST_ACTIVITY", "FIRST_FOUND_DATE"),
)
_MESSAGE = (
    "{DETECTION_LIST.TYPE|TYPE|VULN_TYPE|Module|OS|'host'} "
    "{DETECTION_LIST.QID|QID|Action|TRACKING_METHOD|'-'} "
    "{TITLE|KNOWLEDGE_BASE.TITLE|Details|DETECTION_LIST.STATUS|'-'} "
    "on {DNS|NETBIOS|IP|IPV6|User Name|'-'}"
)
_HOSTS = ("DNS", "DNS_DATA.FQDN", "NETBIOS")

# Collectors write a record for each detection, with one in `DETECTION_LIST`, or for each host.
QUALYS_VMDR = Json(
    "qualys-vmdr",
    "Qualys VMDR as JSON, as collectors write it: detections on hosts, assets, knowledge base, user activity",
    _REFERENCE,
    require=any_of(
        all_of("ID", "DETECTION_LIST", any_of("IP", "IPV6", "DNS")),
        all_of("ID", "TRACKING_METHOD", any_of("IP", "IPV6", "DNS")),
        all_of("QID", any_of(all_of("VULN_TYPE", "TITLE"), all_of("UNIQUE_VULN_ID", "STATUS"))),
        all_of("Action", "Module", "User Name", "Date"),
    ),
    time=_TIME,
    tag="qualys.vmdr",
    message=_MESSAGE,
    integers=(*_in_host(*_NUMBERS, "QDS.#text"), *_NUMBERS, "SEVERITY_LEVEL", "KNOWLEDGE_BASE.SEVERITY_LEVEL"),
    booleans=(*_in_host(*_FLAGS), *_FLAGS, *_OF_BASE, *(f"KNOWLEDGE_BASE.{name}" for name in _OF_BASE)),
    boolean_words="1/0",
    floats="CVSS.BASE CVSS.TEMPORAL CVSS_V3.BASE CVSS_V3.TEMPORAL",
    entities={"addresses": ("IP", "IPV6", "User IP"), "users": ("User Name",), "hosts": _HOSTS},
)
QUALYS_VMDR_XML = Json(
    "qualys-vmdr-xml",
    "Qualys VMDR as its API answers, as XML: each host, with what was detected on it",
    _REFERENCE,
    chain=("xml-events:HOST", "qualys-vmdr-xml"),
    require=all_of("ID", any_of("IP", "IPV6", "DNS", "TRACKING_METHOD")),
    time=_TIME,
    tag="qualys.vmdr",
    message="{OS|'host'} {TRACKING_METHOD|'-'} {DNS|NETBIOS|IP|IPV6|'-'}",
    integers=_in_host(*_NUMBERS, "QDS.#text"),
    booleans=_in_host(*_FLAGS),
    boolean_words="1/0",
    entities={"addresses": ("IP", "IPV6"), "hosts": _HOSTS},
)
