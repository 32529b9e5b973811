"""Logs of Zeek: as JSON, and as the tables of its ASCII writer."""

from __future__ import annotations

from slips.parsing import Columns, Json, all_of, any_of, epoch, moment

_ENTITIES = {
    "addresses": "id.orig_h id.resp_h src dst host client_addr server_addr assigned_addr requested_addr",
    "domains": "query server_name host_name",
    "hashes": "md5 sha1 sha256 ja3 ja3s",
    "users": "username user",
}

# A field of each log, for those that are written without `_path`.
_KNOWN = (
    *("uid", "id.orig_h", "_path", "fuid", "note", "name", "host", "node", "peer"),
    *("uids", "client_addr", "mac", "fingerprint", "certificate.version", "location", "seen.indicator", "is_exe"),
    *("hashAlgorithm", "old_value", "rule_id", "dpid", "sig_id", "analyzer_kind", "cause", "vals"),
)

ZEEK = Json(
    "zeek",
    "Zeek (Bro) logs as JSON: conn, dns, http, ssl, files, notice, weird, …",
    "https://docs.zeek.org/en/current/logs/index.html",
    require=all_of("ts", any_of(*_KNOWN)),
    time=moment("ts"),
    tag="zeek.{_path|'log'}",
    message=(
        "{_path|'zeek'} {id.orig_h|host|client_addr|'-'}:{id.orig_p|'-'} => "
        "{id.resp_h|server_addr|'-'}:{id.resp_p|'-'} "
        "{query|host|msg|note|message|'-'}"
    ),
    entities=_ENTITIES,
)

_BOOLEANS = """local_orig local_resp AA TC RD RA rejected resumed established is_orig timedout extracted_cutoff tls
    is_webmail basic_constraints.ca host_cert client_cert auth_success success forwardable renewable is_notice
    dropped"""
"""The columns of Zeek's own logs whose type is `bool`, for tables without a line of types."""

ZEEK_TSV = Columns(
    "zeek-tsv",
    "Zeek (Bro) logs as tables, whose line '#fields' names the columns",
    "https://docs.zeek.org/en/current/log-formats.html",
    columns="""ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state
        local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents""",
    directive="#fields",
    separator="\t",
    absent=("-", "(empty)"),
    time=epoch("ts"),
    tag="zeek.{_path|'table'}",
    message="{id.orig_h|host|'-'}:{id.orig_p|'-'} => {id.resp_h|'-'}:{id.resp_p|'-'} {query|msg|note|service|'-'}",
    integers="""id.orig_p id.resp_p orig_bytes resp_bytes missed_bytes orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes
        status_code trans_depth request_body_len response_body_len qclass qtype rcode seen_bytes total_bytes
        missing_bytes overflow_bytes depth trans_id Z info_code auth_attempts ip_proto""",
    floats="ts duration rtt",
    booleans=_BOOLEANS,
    boolean_words="T/F",
    typed="#types",
    kinds={
        **dict.fromkeys(("count", "int", "port"), "integer"),
        **dict.fromkeys(("double", "time", "interval"), "float"),
        "bool": "boolean",
    },
    titled="#path",
    entities=_ENTITIES,
)
