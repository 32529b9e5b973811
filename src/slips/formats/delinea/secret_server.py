"""Events of Delinea Secret Server, once of Thycotic, in CEF."""

from __future__ import annotations

from slips.parsing import Cef, stamp

DELINEA_SECRET_SERVER = Cef(
    "delinea-secret-server",
    "Delinea (Thycotic) Secret Server events in CEF, with or without a syslog header: secrets, users, roles",
    "https://docs.delinea.com/online-help/secret-server/events-and-alerts/secure-syslog-cef/index.htm",
    vendors=("Thycotic Software", "Delinea"),
    time=stamp("rt", "datetime"),
    tag="delinea.secret-server.{deviceEventClassId|'event'}",
    message="{name}{' by ' suser}{': ' fname}{' for ' duser}{' from ' src}",
    integers="fileId suid duid",
    entities={"addresses": "src", "users": "suser duser", "hosts": "hostname"},
)
