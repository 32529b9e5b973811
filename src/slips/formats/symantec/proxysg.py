"""Access logs of Symantec's web proxies: Edge SWG (Blue Coat ProxySG) and Cloud SWG (Web Security Service)."""

from __future__ import annotations

from slips.parsing import Csv, KeyValue, all_of, any_of, moment

_MAIN = """date time time-taken c-ip cs-username cs-auth-group s-supplier-name s-supplier-ip s-supplier-country
    s-supplier-failures x-exception-id sc-filter-result cs-categories cs(Referer) sc-status s-action cs-method
    rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs-uri-extension cs(User-Agent) s-ip
    sc-bytes cs-bytes x-virus-id x-bluecoat-application-name x-bluecoat-application-operation
    x-bluecoat-application-groups cs-threat-risk x-bluecoat-transaction-uuid x-icap-reqmod-header(X-ICAP-Metadata)
    x-icap-respmod-header(X-ICAP-Metadata)"""
_SSL = """date time time-taken c-ip cs-username cs-auth-group s-supplier-name s-supplier-ip s-supplier-country
    s-supplier-failures x-exception-id sc-filter-result cs-categories sc-status s-action cs-method rs(Content-Type)
    cs-uri-scheme cs-host cs-uri-port cs-uri-extension cs(User-Agent) s-ip sc-bytes cs-bytes x-virus-id
    x-rs-certificate-observed-errors x-cs-ocsp-error x-rs-ocsp-error x-rs-connection-negotiated-cipher-strength
    x-rs-certificate-hostname x-rs-certificate-hostname-category cs-threat-risk
    x-rs-certificate-hostname-threat-risk"""

# Lines before `#Fields:`, as of a log that was cut, are of the log `main` or `ssl` of SGOS 6.7 and later: the number
# of their fields tells which. The log `main` of earlier versions has two blanks behind the referer.
SYMANTEC_PROXYSG = Csv(
    "symantec-proxysg",
    "access logs of Symantec Edge SWG (Blue Coat ProxySG) and Cloud SWG (WSS), with any fields",
    "https://knowledge.broadcom.com/external/article?legacyId=TECH244752",
    chain=("s3-lines", "symantec-proxysg"),
    tag="symantec.proxysg.access",
    time=moment(("date", "time"), "x-timestamp-unix-utc", "timestamp"),
    message="{sc-status|s-action|'request'}{' ' cs-method}{' ' cs-host}{cs-uri-path|''}"
    "{' by ' cs-username|cs-userdn}{' from ' c-ip}",
    separator=" ",
    padded=True,
    directive="#Fields:",
    columns=_MAIN,
    others=(_SSL,),
    absent="-",
    integers="time-taken sc-status sc-bytes cs-bytes rs-bytes cs-uri-port c-port cs-threat-risk s-supplier-failures",
    entities={
        "addresses": "c-ip s-ip r-ip s-supplier-ip x-cs-public-ip",
        "users": "cs-username cs-userdn",
        "domains": "cs-host",
    },
)

# The format that Splunk's add-on asks for: a header of RFC 5424 with the time, and pairs with the names of ELFF, in
# which hyphens stand for parentheses. Administrators leave pairs out and add others.
SYMANTEC_PROXYSG_SPLUNK = KeyValue(
    "symantec-proxysg-splunk",
    "access logs of Symantec Edge SWG (Blue Coat ProxySG) as pairs behind a syslog header, as Splunk's add-on has them",
    "https://docs.splunk.com/Documentation/AddOns/released/BlueCoatProxySG/Setup",
    chain=("s3-lines", "syslog-any", "symantec-proxysg-splunk"),
    escapes="none",
    require=all_of("c-ip", any_of("s-action", "sc-status", "sc-filter-result"), any_of("cs-host", "cs-method")),
    tag=SYMANTEC_PROXYSG.tag,
    message="{sc-status|s-action|'request'}{' ' cs-method}{' ' cs-host}{cs-uri-path|''}"
    "{' by ' cs-username}{' from ' c-ip}",
    absent="-",
    integers="""time-taken duration sc-status rs-status sc-bytes cs-bytes cs-uri-port s-source-port cs-threat-risk
        dnslookup-time""",
    entities={
        "addresses": "c-ip s-ip r-ip cs-ip s-supplier-ip",
        "users": "cs-username",
        "domains": "cs-host",
    },
)
