"""The log of the firewall of Windows, `pfirewall.log`."""

from __future__ import annotations

from slips.parsing import Columns, iso

_FIELDS = """date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype
    icmpcode info path"""

# Times are of the computer's own zone, of which the log says no more than that. `pid` came with Windows 11.
WINDOWS_FIREWALL = Columns(
    "windows-firewall",
    "Windows Firewall: connections that were allowed and dropped (pfirewall.log), with any fields",
    "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/ff428145(v=ws.10)",
    tag="microsoft.windows_firewall",
    time=iso(("date", "time")),
    message="{action|'-'}{' ' protocol}{' ' src-ip}{':' src-port}{' -> ' dst-ip}{':' dst-port}{' ' info}",
    require="action",
    directive="#Fields:",
    separator="",
    columns=_FIELDS,
    others=(f"{_FIELDS} pid",),
    absent="-",
    integers="src-port dst-port size tcpsyn tcpack tcpwin icmptype icmpcode info pid",
    entities={"addresses": "src-ip dst-ip"},
)
