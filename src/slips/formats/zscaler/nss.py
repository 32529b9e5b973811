"""Feeds of Zscaler's Nanolog Streaming Service, as JSON and as pairs: web, firewall, DNS, tunnel, SaaS, DLP, audit."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, stamp


def _in_both(names: str) -> str:
    """Return the names of fields, and those below `event`."""
    return f"{names} {' '.join(f'event.{name}' for name in names.split())}"


# Each value is a text, a number (`%d` in the documentation) or flag, too. A record has its fields in `event`, or bare.
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
    integers="""status requestsize responsesize transactionsize clt_sport srv_dport pagerisk csport cdport ssport sdport
        tunsport inbytes outbytes duration durationms avgduration numsessions rxbytes txbytes sourceport filesize
        epochtime epochlastmodtime dpdrec reqsize respsize totalsize reqdatasize respdatasize reqheadersize
        respheadersize reqhdrsize resphdrsize throttlereqsize throttlerespsize clienttranstime servertranstime
        respcode riskscore threat_score app_risk_score appriskscore cltsourceport cltsslfailcount http_code scannedbytes
        scantime filescantimems filedownloadtimems numdlpdictids numdlpengineids activity_count
        activity.count dlp.scan_time email.mail_sent_epoch""",
    # of reused sessions and wildcards in certificates there is Unknown, too
    booleans="""ssldecrypted bwthrottle eedone is_sslexpiredca is_sslselfsigned is_ssluntrustedca is_src_cntry_risky
        is_dst_cntry_risky dnat stateful aggregate bypassedtraffic bypassed_traffic bypassed_session
        ips_custom_signature istcp is_admin_act""",
    boolean_words="yes/no 1/0",
    entities={
        "addresses": _in_both(
            """ClientIP clientpublicIP serverip csip cdip ssip sdip clt_sip srv_dip clientip src_ip sourceip
            destinationip cltip cltintip cltpubip"""
        ),
        "users": f"{_in_both('user login adminid')} user_name sender",
        "hosts": _in_both("devicehostname devicename"),
        "domains": _in_both("hostname host cdfqdn dns_req"),
        "hashes": f"{_in_both('sha256 bamd5 filemd5 filesha')} file.hash.md5 file.hash.sha256",
    },
)

# The feed that Zscaler offers for Splunk: pairs with tabs between, the time before them.
ZSCALER_KV = KeyValue(
    "zscaler-kv",
    "Zscaler Internet Access (NSS) feeds of pairs with tabs between them: web, firewall",
    "https://help.zscaler.com/zia/nss-feed-output-format-web-logs",
    head=r"(?:<(?P<priority>\d{1,3})>)?(?:(?P<datetime>[^\t=<]{8,40})\t)?",
    separator="\t",
    escapes="none",
    require=any_of(
        all_of(any_of("sourcetype", "vendor", "event_id"), any_of("action", "ClientIP", "url", "user", "cip", "csip")),
    ),
    time=stamp("datetime", "time"),
    tag="zscaler.{sourcetype|'nss'}",
    message="{action|'-'} {url|hostname|cdfqdn|'-'} by {user|login|'-'} from {ClientIP|clientIP|cip|csip|'-'}",
    absent=("None", "NA"),
    integers="""priority status requestsize responsesize transactionsize pagerisk clienttranstime servertranstime
        csport cdport ssport sdport tunsport inbytes outbytes duration durationms avgduration numsessions""",
    booleans="ssldecrypted bypassed_traffic dnat stateful aggregate",
    boolean_words="yes/no 1/0",
    entities={
        "addresses": "ClientIP clientIP clientpublicIP clientpublicip serverip cip csip cdip",
        "users": "user login",
        "hosts": "devicehostname devicename",
        "domains": "hostname cdfqdn",
        "hashes": "md5 bamd5 sha256",
    },
)
