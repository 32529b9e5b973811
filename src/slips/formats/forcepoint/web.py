"""Logs of Forcepoint Web Security, on premises and in the cloud, of DLP and of its Next Generation Firewall (NGFW)."""

from __future__ import annotations

from slips.parsing import Cef, Csv, KeyValue, Leef, all_of, any_of, epoch, one_of, stamp, written

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
        spaced=True,
        integers="""severity category src_port dst_port bytes_out bytes_in http_response http_proxy_status_code
            disposition duration proxy_port""",
    ),
    tag="forcepoint.web",
    chain=("s3-lines", "syslog-any", "forcepoint-web"),
    entities={
        "addresses": "src dst dvc src_ip dst_ip src_host dst_host",
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
FORCEPOINT_NGFW_LEEF = Leef(
    "forcepoint-ngfw-leef",
    "Forcepoint (Stonesoft) NGFW in LEEF, with or without a syslog header: connections, inspection, audit",
    FORCEPOINT_NGFW.reference,
    vendors=FORCEPOINT_NGFW.vendors,
    require=all_of("devTime", "devTimeFormat"),  # logs of Web Security have no format of times
    tag=FORCEPOINT_NGFW.tag,
    message="{eventId}{' from ' src}{':' srcPort}{' to ' dst}{':' dstPort}{' ' url}{': ' action}",
    integers="srcPort dstPort proto srcPostNATPort dstPostNATPort sev",
    entities={
        "addresses": "src dst srcPostNAT dstPostNAT",
        "users": "usrName",
    },
)
FORCEPOINT_DLP = Cef(
    "forcepoint-dlp",
    "Forcepoint DLP (Data Security) incidents and ranked cases in CEF, with or without a syslog header",
    "https://help.forcepoint.com/dlp/891/dlphelp/E3547D70-A432-45B8-B365-333844B3AC72.html",
    vendors="Forcepoint Websense",
    require=any_of("sourceServiceName", "analyzedBy", "maxMatches", "severityType", "caseClassification"),
    time=stamp("timeStamp", "rt", "datetime"),
    tag="forcepoint.dlp",
    message="{act|name}{' ' severityType}{' ' cat}{' by ' suser|loginName}{' to ' duser|destinationHosts}"
    "{': ' msg|caseDescription}",
    absent=("", "N/A"),
    integers="maxMatches numberOfIncidents",
    floats="riskScore",
    entities={"addresses": "sourceIp", "users": "suser loginName", "hosts": "sourceHost"},
)

# Which columns there are, an administrator chooses: the option `columns` names them. Times are of the account's zone.
FORCEPOINT_CLOUD_WEB = Csv(
    "forcepoint-cloud-web",
    "Forcepoint Web Security Cloud: requests of users in CSV, as its SIEM export writes them to S3",
    "https://www.websense.com/content/support/library/web/hosted/siem_guide/siem_format.aspx",
    time=written("%d/%m/%Y %H:%M:%S", ("date", "time")),
    tag="forcepoint.cloud-web",
    message="{action|'request'}{' ' http_request_method}{' ' url}{' by ' user}{' from ' source_ip|connection_ip}",
    columns="""date time user workstation category action risk_class policy_name url connection_ip destination_ip
        source_ip threat_type threat_name user_agent_string http_status_code http_request_method""",
    headings=("date", "date & time"),
    absent=("", "None", "Not available"),
    integers="http_status_code",
    entities={
        "addresses": "connection_ip destination_ip source_ip",
        "users": "user",
        "hosts": "workstation",
    },
)
