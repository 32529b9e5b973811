"""Logs of Forcepoint Web Security and of its Next Generation Firewall (NGFW), as they send them to SIEMs."""

from __future__ import annotations

from slips.parsing import Cef, KeyValue, all_of, any_of, epoch, one_of, stamp

_REFERENCE = "https://help.forcepoint.com/websec/en-us/on-prem/85/siem/5EA353E4-BD6A-4DB1-9F1A-BB8AFA6A328E.html"

# Which keys there are, an administrator may choose. The predefined pairs are those of the format for Splunk.
FORCEPOINT_WEB = one_of(
    "forcepoint-web",
    "Forcepoint (Websense) Web Security: requests of users in CEF or as pairs, with or without a syslog header",
    _REFERENCE,
    Cef(
        "forcepoint-web.cef",
        "requests in CEF",
        _REFERENCE,
        vendors="Forcepoint Websense",
        require=any_of("act", "request", "src"),
        time=stamp("rt", "datetime"),
        tag="forcepoint.web",
        message="{act|name}{' ' requestMethod}{' ' request|dhost}{' by ' loginID|suser}{' from ' src}",
        absent="-",
        integers="dpt spt destinationTranslatedPort in out cn1 cn2",
    ),
    KeyValue(
        "forcepoint-web.pairs",
        "requests as pairs",
        _REFERENCE,
        require=all_of("vendor", "product", any_of("action", "url", "src_host")),
        time=epoch("time"),
        tag="forcepoint.web",
        message="{action|'request'}{' ' http_method}{' ' url|dst_host}{' by ' user|loginID}{' from ' src_host|src_ip}",
        absent="-",
        integers="""severity category src_port dst_port bytes_out bytes_in http_response http_proxy_status_code
            disposition duration proxy_port""",
    ),
    tag="forcepoint.web",
    chain=("s3-lines", "syslog-any", "forcepoint-web"),
    entities={
        "addresses": "src dst dvc src_ip dst_ip",
        "users": "loginID suser user",
        "hosts": "src_host",
        "domains": "dhost dst_host",
    },
)
FORCEPOINT_NGFW = Cef(
    "forcepoint-ngfw",
    "Forcepoint (Stonesoft) NGFW in CEF, with or without a syslog header: connections, inspection, audit",
    "https://help.stonesoft.com/onlinehelp/StoneGate/SMC/6.10.0/GUID-E4B3D1F3-BD84-4FD1-BC78-90B10AE6154C.html",
    vendors="FORCEPOINT Forcepoint",
    require=any_of("deviceFacility", all_of("dvchost", "deviceExternalId")),
    time=stamp("rt", "datetime"),
    tag="forcepoint.ngfw",
    message="{name}{' from ' src}{':' spt}{' to ' dst}{':' dpt}{' ' app|deviceFacility}{': ' msg|act}",
    integers="spt dpt proto sourceTranslatedPort destinationTranslatedPort in out",
    entities={
        "addresses": "src dst sourceTranslatedAddress destinationTranslatedAddress",
        "users": "suser",
        "hosts": "dvchost",
    },
)
