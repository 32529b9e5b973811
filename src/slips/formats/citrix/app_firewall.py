"""Messages of the web application firewall of Citrix ADC (NetScaler), in CEF."""

from __future__ import annotations

from slips.parsing import Cef, stamp

NETSCALER_CEF = Cef(
    "netscaler-cef",
    "Citrix ADC (NetScaler) web application firewall in CEF, with or without a syslog header",
    "https://docs.netscaler.com/en-us/citrix-adc/current-release/application-firewall/logs.html",
    vendors="Citrix",
    time=stamp("rt", "datetime"),
    tag="citrix.netscaler.{name|'event'}",
    message="{name}{' ' act}{': ' method}{' ' request}{' from ' src}{': ' msg}",
    integers="spt cn1 cn2",
    entities={"addresses": "src", "hosts": "hostname"},
)
