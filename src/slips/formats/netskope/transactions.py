"""Transaction events of Netskope: each request through its proxy, with fields that a directive or header names."""

from __future__ import annotations

from slips.parsing import Csv, iso

# https://docs.netskope.com/en/transaction-event-fields/: of format 1; later formats have more behind them.
_FORMAT_1 = """date time time-taken cs-bytes sc-bytes bytes c-ip s-ip cs-username cs-method cs-uri-scheme cs-uri-query
    cs-user-agent cs-content-type sc-status sc-content-type cs-dns cs-host cs-uri cs-uri-port cs-referer
    x-cs-session-id x-cs-access-method x-cs-app x-s-country x-s-latitude x-s-longitude x-s-location x-s-region
    x-s-zipcode x-c-country x-c-latitude x-c-longitude x-c-location x-c-region x-c-zipcode x-c-os x-c-browser
    x-c-browser-version x-c-device x-cs-site x-cs-timestamp x-cs-page-id x-cs-userip x-cs-traffic-type x-cs-tunnel-id
    x-category x-other-category x-type x-server-ssl-err x-client-ssl-err x-transaction-id x-request-id x-cs-sni
    x-cs-domain-fronted-sni x-category-id x-other-category-id x-sr-headers-name x-sr-headers-value"""

NETSKOPE_TRANSACTION = Csv(
    "netskope-transaction",
    "Netskope transaction events, of any format version",
    "https://docs.netskope.com/en/transaction-event-fields/",
    chain=("s3-lines", "netskope-transaction"),
    tag="netskope.transaction",
    time=iso(("date", "time")),
    message="{sc-status|'-'} {cs-method|'-'} {cs-uri-scheme|'-'}://{cs-host|cs-dns|'-'}{cs-uri|''} "
    "by {cs-username|'-'} from {c-ip|x-cs-userip|'-'}",
    separator=" ",
    directive="#Fields:",
    header=_FORMAT_1,  # the first line of objects that Netskope Log Streaming writes
    columns=_FORMAT_1,
    absent="-",
    integers="""time-taken cs-bytes sc-bytes bytes sr-bytes rs-bytes sc-status rs-status cs-uri-port x-cs-timestamp
        x-cs-src-port x-cs-dst-port x-sr-src-port x-sr-dst-port x-cs-app-cci x-rs-file-size""",
    floats="x-s-latitude x-s-longitude x-c-latitude x-c-longitude",
    booleans="x-ssl-bypass",  # of certificates and handshakes there is NotChecked, too
    boolean_words="yes/no",
    entities={
        "addresses": "c-ip s-ip x-cs-userip x-cs-src-ip x-cs-src-ip-egress x-cs-dst-ip",
        "users": "cs-username",
        "domains": "cs-host cs-dns x-cs-sni",
        "hashes": "x-rs-file-md5 x-rs-file-sha256",
    },
)
