"""Messages of VMware vSphere: events that vCenter Server streams, and the log files of ESXi hosts."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_TIME = r"(?:<(?P<priority>\d{1,3})> ?)?(?:1 )?(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) "
_TIMED = rf"{_TIME} *+"


_PROGRAM = r"(?P<program>[A-Za-z][^ :\[]*)"
_NEW = rf"{_TIME}(?P<hostname>[^ ]+)? {_PROGRAM} (?P<program_id>[^ ]+)? [^ ]+ - *"
_OLD = rf"{_TIMED}(?:(?P<hostname>[^ :\[]+) +)?(?:{_PROGRAM}(?:\[(?P<program_id>[0-9A-Fa-f]+)\])?)?: *"
_HEADS = (_NEW, _OLD, "")
"""Headers of syslog: of RFC 5424, the one that ESXi writes, or none, as behind the header of a relay. Host, process and
process number may be blank."""

_EVENT = (
    r"Event \[(?P<event_id>[^\]]*)\] \[(?P<part>\d+-\d+)\] \[(?P<created>[^\]]*)\] \[(?P<event_type>[^\]]*)\] "
    r"\[(?P<severity>[^\]]*)\] \[(?P<user>[^\]]*)\] \[(?P<target>[^\]]*)\] \[(?P<chain_id>[^\]]*)\] \[(?P<message>.*)"
)
_PART = r"Event \[(?P<event_id>[^\]]*)\] \[(?P<part>\d+-\d+)\] \[?(?P<message>.*)"
_DAEMON = r"(?P<level>[A-Za-z]+)(?:\((?P<level_id>\d+)\))? (?P<process>[A-Za-z][^ \[]*)\[(?P<thread>[0-9A-Fa-f]+)\]:? "
_ORIGIN = r"\[Originator@6876(?P<origin>[^\]]*)\] ?(?P<message>.*)"
_SHELL = r"\[shell\.cmd@6876 subject=\"(?P<user>[^\"]*)\" object=\"(?P<object>[^\"]*)\" (?P<message>.*)"
_KERNEL = r"(?P<cpu>cpu\d+)(?::(?P<world>\d+))?(?: opID=(?P<opID>[^)]*))?\)(?P<message>.*)"
_LEVEL = r"(?P<level>[A-Z][a-z])\((?P<level_id>\d+)\)(?:\[\+\])? "
"""A level as of ESXi 8; `[+]` says that a line goes on with the message of the one before."""
_LEVELLED = rf"{_LEVEL}(?P<program>vmkernel|vmkwarning): "
_LEVELLED_TEXT = rf"{_TIMED}{_LEVEL}{_PROGRAM}(?:\[(?P<program_id>\d+)\])?: (?P<text>.*)"
_MONITOR = rf"{_TIMED}{_LEVEL}(?P<program>host)-(?P<program_id>\d+) +(?P<message>.*)"
"""A line of vCenter's `vmon`, which watches its services."""
_TYPED = (
    rf"{_TIMED}(?:(?P<hostname>[^ :\[]+) )?(?P<program>shell|ESXShell)(?:\[(?P<program_id>\d+)\])?: "
    r"\[(?P<user>[^\]]+)\]: (?P<message>.*)"
)
"""A command that someone typed at a host of version 7 or before."""
_LOGGED = r"(?P<created>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) "
"""The time of a line of vCenter's own log, as vCenter sends them on."""
_OPS = r"(?P<level>[A-Z]+) +(?P<process>[^ ]+) (?P<program_id>\d+) \[ops@4413(?P<origin>[^\]]*)\] ?(?P<message>.*)"
_PROGRAMS = frozenset(
    """apiForwarder applmgmt applmgmt-audit cis-license clomd configStoreBackup content-library dcui DCUI eam
    envoy-access envoy-main ESXShell esxupdate Fdm healthd Hostd hostd-probe iofiltervpd kmxa lookupsvc nicmgmtd osfsd
    pschealth Rhttpproxy rhttpproxy sdrsInjector sensord shell smad sps stsd ssoadminserver storageRM swapobjd updatemgr
    usbarb vapi-endpoint vmafdd vmauthd vmcad vmdird vmkdevmgr vmkernel vmkeventd VmkEventd vmkwarning vmon vmsyslogd
    vobd Vpxa vpxd vpxd-main vpxd-profiler vpxd-svcs vsan-health vsandevicemonitord VSANMGMTSVC vsanmgmtd vsansystem
    vsphere-ui vstatsd vvold""".split()
)
"""Programs of vSphere whose messages are texts."""
_TEXT = "(?P<text>.*)"

_PAIR = re.compile(r"(?<![A-Za-z])([A-Za-z]+)=([^ ]*)")


def _name_origin(meta: MetaData, event: Event) -> None:
    """Name the parts of where a message is from: `sub=Vimsvc opID=ab user=root`; leave out the bracket behind a text.

    Raises RecordError.
    """
    if "text" in event:
        program = event.get("program")
        if program not in _PROGRAMS and "level_id" not in event:
            raise RecordError(f"{program or '-'!r} is no program of vSphere, nor is its message in a form of theirs")
        event["message"] = event.pop("text")
    if ("event_type" in event or "object" in event) and event["message"].rstrip().endswith("]"):
        meta.message = event["message"] = event["message"].rstrip()[:-1]
    if "origin" in event:
        origin = event.pop("origin")
        event |= {name: value for name, value in _PAIR.findall(origin) if name not in event}


# A long event is several messages, of which the first alone has all fields.
VSPHERE = Patterns(
    "vsphere",
    "VMware vSphere: events of vCenter Server, messages of ESXi hosts and shells, with or without a syslog header",
    "https://docs.vmware.com/en/VMware-vSphere/8.0/vsphere-monitoring-performance/"
    "GUID-F92A08A1-646A-4DCD-8DB0-47E6D2B49C5D.html",
    time=iso("created", "time"),
    tag="vmware.vsphere.{event_type|program|process|'message'}",
    message="{message|text}",
    absent="-",
    patterns=(
        *(f"{head}{_EVENT}" for head in _HEADS),
        *(f"{head}{_PART}" for head in _HEADS),
        *(f"{head}{_DAEMON}{_ORIGIN}" for head in (_OLD, _TIMED, "")),
        *(f"{head}{_ORIGIN}" for head in (_OLD, "")),
        f"{_NEW}{_LOGGED}{_DAEMON}{_ORIGIN}",
        _TYPED,
        *(f"{head}{_SHELL}" for head in (_OLD, "")),
        *(f"{head}{_KERNEL}" for head in (f"{_TIMED}{_LEVELLED}", _OLD, _TIMED, "")),
        *(f"{head}{_OPS}" for head in (_TIMED, "")),
        _LEVELLED_TEXT,
        _MONITOR,
        *(f"{head}{_TEXT}" for head in (_NEW, _OLD)),
    ),
    integers="priority",
    refine=_name_origin,
    entities={"users": "user", "hosts": "hostname"},
)
