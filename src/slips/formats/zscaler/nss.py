"""Feeds of Zscaler's Nanolog Streaming Service, as JSON and as pairs: web, firewall, DNS, tunnel, SaaS, DLP, audit."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, stamp

# Each value is a text; those that are numbers become numbers.
ZSCALER = Json(
    "zscaler",
    "Zscaler Internet Access (NSS) feeds as JSON: web, firewall, DNS, tunnel, SaaS security, DLP, audit",
    "https://help.zscaler.com/zia/nss-feed-output-format-web-logs",
    require=any_of(
        all_of("sourcetype", any_of("event", "event_time", "application")),
        all_of("datetime", any_of("recordid", "cip", "csip", "ClientIP", "clientip", "login", "user", "action")),
    ),
    also_in="event",
    time=stamp("epochtime", "datetime", "time", "event_time"),  # the first one alone depends on no zone of a feed
    tag="zscaler.{sourcetype|'nss'}",
    message=(
        "{action|actions|reqaction|actiontaken|activity.type|activity|verdict|Recordtype|'-'} "
        "{url|cdfqdn|host|dns_req|dns_resp|filename|itemname|resource|object.names|"
        "email.subject|threat.indicator.name|tunneltype|'-'} "
        "by {user|login|adminid|user_name|'-'} from {ClientIP|cip|cltip|csip|clt_sip|clientip|src_ip|sourceip|'-'}"
    ),
    integers="""event.status event.requestsize event.responsesize event.transactionsize event.clt_sport event.srv_dport
        event.pagerisk event.csport event.cdport event.ssport event.sdport event.inbytes event.outbytes event.duration
        event.durationms event.numsessions event.rxbytes event.txbytes event.sourceport event.filesize event.epochtime
        event.dpdrec event.reqsize event.respsize event.totalsize event.reqdatasize event.respdatasize
        event.reqheadersize event.respheadersize event.respcode event.riskscore event.cltsourceport event.http_code
        event.scannedbytes event.scantime activity.count dlp.scan_time email.mail_sent_epoch""",
    entities={
        "addresses": """event.ClientIP event.clientpublicIP event.serverip event.csip event.cdip event.ssip event.sdip
            event.clt_sip event.srv_dip event.clientip event.src_ip event.sourceip event.destinationip event.cltip
            event.cltintip event.cltpubip src_ip""",
        "users": "event.user event.login event.adminid user_name sender",
        "hosts": "event.devicehostname event.devicename",
        "domains": "event.hostname event.host event.cdfqdn event.dns_req",
        "hashes": "event.sha256 event.bamd5 event.filemd5 event.filesha file.hash.md5 file.hash.sha256",
    },
)

# The feed that Zscaler offers for Splunk: pairs with tabs between, the time before them.
ZSCALER_KV = KeyValue(
    "zscaler-kv",
    "Zscaler Internet Access (NSS) feeds of pairs with tabs between them: web, firewall",
    "https://help.zscaler.com/zia/nss-feed-output-format-web-logs",
    head=r"(?:(?P<datetime>[^\t=]{8,40})\t)?",
    separator="\t",
    quotes="",
    escapes="none",
    require=any_of(
        all_of(any_of("sourcetype", "vendor", "event_id"), any_of("action", "ClientIP", "url", "user", "cip", "csip")),
    ),
    time=stamp("datetime", "time"),
    tag="zscaler.{sourcetype|'nss'}",
    message="{action|'-'} {url|hostname|cdfqdn|'-'} by {user|login|'-'} from {ClientIP|cip|csip|'-'}",
    absent=("None", "NA"),
    integers="status requestsize responsesize transactionsize pagerisk",
    booleans="ssldecrypted bypassed_traffic dnat stateful aggregate",
    boolean_words="yes/no 1/0",
    entities={
        "addresses": "ClientIP clientpublicIP serverip cip csip cdip",
        "users": "user login",
        "hosts": "devicehostname",
        "domains": "hostname cdfqdn",
        "hashes": "md5 bamd5 sha256",
    },
)
