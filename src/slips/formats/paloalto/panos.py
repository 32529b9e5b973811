"""Palo Alto Networks firewalls: PAN-OS logs as comma-separated lines, the default of its syslog forwarding.

Columns have the names of the original where it had them, else the variable names of PAN-OS' documentation ("-": "for
future use", no name). Each version appends columns, so that a shorter line is an older version and no mistake.
"""

from __future__ import annotations

import csv
import re
from contextlib import suppress

from slips import times
from slips.errors import RecordError
from slips.format import Event, Limited, Parse, RecordLimits, parser, too_many_values
from slips.model import MetaData
from slips.parsing.readers.fields import has_too_many_fields
from slips.parsing.syslog_lines import read_header
from slips.parsing.typed import MOST_FIELDS

csv.field_size_limit(2**31 - 1)  # for the whole process; readers limit the length of records instead

_GROUPS = "dg_hier_level_1, dg_hier_level_2, dg_hier_level_3, dg_hier_level_4, vsys_name, device_name"
_SOURCE_DEVICE = "src_category, src_profile, src_model, src_vendor, src_osfamily, src_osversion, src_host, src_mac"
_DEVICES = f"""{_SOURCE_DEVICE}, dst_category, dst_profile, dst_model, dst_vendor, dst_osfamily, dst_osversion,
    dst_host, dst_mac"""
_APPLICATION = """subcategory_of_app, category_of_app, technology_of_app, risk_of_app, characteristic_of_app,
    container_of_app, tunneled_app, is_saas_of_app, sanctioned_state_of_app"""
_SESSION = """Source address, Destination address, NAT Source IP, NAT Destination IP, Rule, Source User,
    Destination User, Application, Virtual System, Source Zone, Destination Zone, Inbound Interface,
    Outbound Interface, Log Action, Time Logged, Session ID, Repeat Count, Source Port, Destination Port,
    NAT Source Port, NAT Destination Port, Flags, IP Protocol, Action"""
_PARENT = "src_uuid, dst_uuid, {}tunnelid, monitortag, parent_session_id, parent_start_time, tunnel"
_END_POINTS = f"dynusergroup_name, xff_ip, {_DEVICES}, container_id, pod_namespace, pod_name, src_edl, dst_edl, hostid"
_TRAFFIC = f"""{_SESSION}, Bytes, Bytes Sent, Bytes Received, Packets, Start Time, Elapsed Time (sec), Category,
    Padding, seqno, actionflags, Source Country, Destination Country, cpadding, pkts_sent, pkts_received,
    session_end_reason, {_GROUPS}, action_source, {_PARENT.format("")}, assoc_id, chunks, chunks_sent, chunks_received,
    rule_uuid, http2_connection, link_change_count, policy_id, link_switches, sdwan_cluster, sdwan_device_type,
    sdwan_cluster_type, sdwan_site, {_END_POINTS}, serialnumber, src_dag, dst_dag, session_owner, high_res_timestamp,
    nsdsai_sst, nsdsai_sd, {_APPLICATION}, offloaded, flow_type, cluster_name, ai_traffic, ai_fwd_error,
    k8s_cluster_id, tcp_rtt_c2s, tcp_rtt_s2c, total_n_ooseq_c2s, total_n_ooseq_s2c, tcp_retransit_cnt_c2s,
    tcp_retransit_cnt_s2c, tcp_zero_window_cnt_c2s, tcp_zero_window_cnt_s2c, src_adv_dev_id, dst_adv_dev_id"""
# PAN-OS 11.1 appends columns whose order differs between URLs, files and other threats: these stay unnamed.
_THREAT = f"""{_SESSION}, URL, Threat/Content Name, Category, Severity, Direction, seqno, actionflags, Source Country,
    Destination Country, cpadding, contenttype, pcap_id, filedigest, cloud, url_idx, user_agent, filetype, xff,
    referer, sender, subject, recipient, reportid, {_GROUPS}, file_url, {_PARENT.format("http_method, ")},
    thr_category, contentver, -, assoc_id, ppid, http_headers, url_category_list, rule_uuid, http2_connection,
    {_END_POINTS}, serialnumber, domain_edl, src_dag, dst_dag, partial_hash, high_res_timestamp, reason,
    justification, nssai_sst, {_APPLICATION}, cloud_reportid"""
_SYSTEM = f"""Virtual System, eventid, object, -, -, module, Severity, opaque, seqno, actionflags, {_GROUPS}, -, -,
    high_res_timestamp"""
_CONFIG = f"""host, Virtual System, cmd, admin, client, result, path, seqno, actionflags, {_GROUPS}, dg_id, comment, -,
    high_res_timestamp, before-change-detail, after-change-detail"""
_GLOBALPROTECT = f"""Virtual System, eventid, stage, auth_method, tunnel_type, Source User, srcregion, machinename,
    public_ip, public_ipv6, private_ip, private_ipv6, hostid, serialnumber, client_ver, client_os, client_os_ver,
    Repeat Count, reason, error, opaque, status, location, login_duration, connect_method, error_code, portal, seqno,
    actionflags, high_res_timestamp, selection_type, response_time, priority, attempted_gateways, gateway, {_GROUPS},
    vsys_id, cluster_name"""
_USERID = f"""Virtual System, Source address, user, datasourcename, eventid, Repeat Count, timeout, Source Port,
    Destination Port, datasource, datasourcetype, seqno, actionflags, {_GROUPS}, vsys_id, factortype,
    factorcompletiontime, factorno, ugflags, userbysource, tag_name, high_res_timestamp, origindatasource, -,
    cluster_name"""
_HIPMATCH = f"""Source User, Virtual System, machinename, os, Source address, matchname, Repeat Count, matchtype, -, -,
    seqno, actionflags, {_GROUPS}, vsys_id, srcipv6, hostid, serialnumber, mac, high_res_timestamp, cluster_name"""
_AUTHENTICATION = f"""Virtual System, Source address, user, normalize_user, object, authpolicy, Repeat Count, authid,
    vendor, Log Action, serverprofile, desc, clienttype, event, factorno, seqno, actionflags, {_GROUPS}, vsys_id,
    authproto, rule_uuid, high_res_timestamp, {_SOURCE_DEVICE}, region, -, user_agent, sessionid, cluster_name"""
# The documentation leaves `tunneled_app` out; lines have it.
_DECRYPTION = f"""{_SESSION}, tunnel, -, -, src_uuid, dst_uuid, rule_uuid, hs_stage_c2f, hs_stage_f2s, tls_version,
    tls_keyxchg, tls_enc, tls_auth, policy_name, ec_curve, err_index, root_status, chain_status, proxy_type,
    cert_serial, fingerprint, notbefore, notafter, cert_ver, cert_size, cn_len, issuer_len, rootcn_len, sni_len,
    cert_flags, cn, issuer_cn, root_cn, sni, error, container_id, pod_namespace, pod_name, src_edl, dst_edl, src_dag,
    dst_dag, high_res_timestamp, {_DEVICES}, seqno, actionflags, {_GROUPS}, vsys_id, {_APPLICATION}"""

_IPTAG = f"""Virtual System, Source address, tag_name, event_id, Repeat Count, timeout, datasourcename, datasource_type,
    datasource_subtype, seqno, actionflags, {_GROUPS}, vsys_id, high_res_timestamp"""
_CORRELATION = f"""Source address, Source User, Virtual System, Category, Severity, {_GROUPS}, vsys_id, objectname,
    object_id, evidence"""


def _columns(names: str) -> list[str]:
    """Return the column names of one log type: the seven that all types have, then `names`, separated by commas."""
    common = "Domain, Receive Time, Serial #, Type, Threat/Content Type, Config Version, Generate Time"
    every = [name.strip() for name in f"{common}, {names}".split(",")] if names else common.split(", ")
    return [f"column_{number}" if name == "-" else name for number, name in enumerate(every, 1)]


_COLUMNS = {
    "TRAFFIC": _columns(_TRAFFIC),
    "THREAT": _columns(_THREAT),
    "SYSTEM": _columns(_SYSTEM),
    "CONFIG": _columns(_CONFIG),
    "GLOBALPROTECT": _columns(_GLOBALPROTECT),
    "USERID": _columns(_USERID),
    "HIPMATCH": _columns(_HIPMATCH),
    "HIP-MATCH": _columns(_HIPMATCH),
    "AUTHENTICATION": _columns(_AUTHENTICATION),
    "AUTH": _columns(_AUTHENTICATION),
    "DECRYPTION": _columns(_DECRYPTION),
    "IPTAG": _columns(_IPTAG),
    "CORRELATION": _columns(_CORRELATION),
    # Tunnel inspection, SCTP and GTP have further columns, unnamed here, behind those that all logs of sessions share.
    "START": _columns(_SESSION),
    "END": _columns(_SESSION),
    "SCTP": _columns(_SESSION),
    "GTP": _columns(_SESSION),
}
_OTHER = _columns("")
# The log of administrators' commands has no type in its fourth column, and but one time.
_AUDIT = ["Serial #", "Generate Time", "Threat/Content Type", "Config Version", "eventid", "admin", "cmd", "result"]
_TYPE = re.compile(r"[A-Z][A-Z0-9_-]+")
_EXACT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_NEAR = 600
"""Most seconds between two readings of one clock; zones differ by more."""
# Columns for the message of log types that have no session, or several.
_MESSAGE_COLUMNS = {
    "SYSTEM": ("Severity", "eventid", "object", "opaque"),
    "CONFIG": ("admin", "client", "cmd", "path", "result"),
    "GLOBALPROTECT": ("Source User", "public_ip", "eventid", "status", "opaque"),
    "USERID": ("user", "Source address", "datasourcename"),
    "HIPMATCH": ("Source User", "Source address", "machinename", "matchname"),
    "HIP-MATCH": ("Source User", "Source address", "machinename", "matchname"),
    "AUTHENTICATION": ("user", "Source address", "event", "desc"),
    "AUTH": ("user", "Source address", "event", "desc"),
    "AUDIT": ("eventid", "admin", "result", "cmd"),
    "IPTAG": ("Source address", "tag_name", "datasourcename"),
    "CORRELATION": ("Source User", "Source address", "Category", "Severity", "objectname", "evidence"),
    "DECRYPTION": ("Source address", "Destination address", "tls_version", "sni", "error"),
}


@parser(
    "paloalto",
    summary="Palo Alto Networks PAN-OS logs (CSV), of any type and version",
    reference=(
        "https://docs.paloaltonetworks.com/ngfw/administration/monitoring/use-syslog-for-monitoring/"
        "syslog-field-descriptions"
    ),
    takes="text",
    tag="paloalto.{type}",
    extends=True,
    entities={
        "addresses": (
            *("Source address", "Destination address", "NAT Source IP", "NAT Destination IP", "xff_ip", "client"),
            *("public_ip", "public_ipv6", "private_ip", "private_ipv6", "srcipv6"),
        ),
        "users": ("Source User", "Destination User", "user", "admin"),
        "hosts": ("machinename", "device_name"),
    },
)
@Limited
def paloalto(limits: RecordLimits) -> Parse:
    """Name the columns of a line, all texts; a column without a name is `column_<n>` (1-based). Skip a syslog header.

    Adds `raw_message`, the line, and `message`, for traffic and threats "<source>:<port> => <destination>:<port>
    (<protocol>), Sent <n> byte, Recv <n> byte". The time is `Start Time`, else `Generate Time`, else that of a syslog
    header, read as UTC unless `high_res_timestamp` names the zone. Raises RecordError for a line without a log type in
    its fourth column or `audit` in its third, and for one that ends within quotes: the first of several lines.
    """

    most = min(limits.values, MOST_FIELDS)

    def parse(meta: MetaData, text: str) -> Event:
        if has_too_many_fields(text, ",", most):
            if most == limits.values:
                raise too_many_values(most)
            raise RecordError(f"line has more than {most:,} fields; expected those of a log of PAN-OS")
        quoted = '"' in text
        row, is_whole = _split(text) if quoted else (text.split(","), True)
        type_ = row[3] if len(row) > 3 else ""
        columns = _COLUMNS.get(type_) or _OTHER
        if columns is _OTHER and len(row) >= len(_AUDIT) and row[2].lower() == "audit":
            type_, columns = "AUDIT", _AUDIT
        elif columns is _OTHER and not _TYPE.fullmatch(type_):
            raise RecordError(
                f"line begins with {text[:60]!r}; expected the CSV format of PAN-OS, with a log type such as TRAFFIC "
                "in the fourth column"
            )
        if not is_whole:
            raise RecordError(f"line ends within quotes, with {text[-60:]!r}; expected the rest of the column")
        header = ""
        if " " in row[0]:  # "<14>Nov 30 16:09:08 PA-220 1"
            header, _, row[0] = row[0].rpartition(" ")
        event: Event = dict(zip(columns, row, strict=False))
        if len(row) > len(columns):
            for number in range(len(columns), len(row)):
                event[f"column_{number + 1}"] = row[number]
        if quoted and "URL" in event:  # some versions quote it twice
            event["URL"] = event["URL"].strip('"')
        event["raw_message"] = text
        _set_time(meta, event, header)
        meta.tag = f"paloalto.{type_.lower()}"
        meta.message = event["message"] = _message(type_, event)
        return event

    return parse


def _message(type_: str, event: Event) -> str:
    """Return one line for people, as the original slips did: a column that the log type lacks reads `None`."""
    get = event.get
    if type_ in ("TRAFFIC", "THREAT"):
        message = (
            f"{get('Source address')}:{get('Source Port')} => {get('Destination address')}:{get('Destination Port')} "
            f"({get('IP Protocol')}), Sent {get('Bytes Sent')} byte, Recv {get('Bytes Received')} byte"
        )
        return message if type_ == "TRAFFIC" else f"{message} {get('Threat/Content Name')}"
    values = [event[name] for name in _MESSAGE_COLUMNS.get(type_, ()) if get(name)]
    return f"{type_} {get('Threat/Content Type')}: {' '.join(values)}" if values else str(event["raw_message"])


def _split(text: str) -> tuple[list[str], bool]:
    """Split a line that has quotes with `csv`, three times as slow as `str.split`; and whether it ends outside quotes.

    Raises RecordError.
    """
    rows = csv.reader([text, "the line behind"])
    try:
        row = next(rows, [])
        return row, next(rows, None) is not None
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # then follows advice for programmers, which differs between Pythons
        raise RecordError(f"not CSV: {reason}") from None


def _set_time(meta: MetaData, event: Event, header: str) -> None:
    """Set the time of a line: when its session started, else when it was generated, else that of its header.

    PAN-OS writes the wall clock of the firewall. `high_res_timestamp`, the time of generation, has its offset, too; but
    in some logs it is a time of 1970, or in another zone. Raises RecordError.
    """
    started, generated = event.get("Start Time"), event.get("Generate Time")
    offset = 0.0
    if generated and (exact := _EXACT.fullmatch(event.get("high_res_timestamp") or "")):
        with suppress(RecordError):  # a damaged one tells no zone
            wall = times.iso(f"{exact[1]}Z", "high_res_timestamp")
            if abs(wall - _time(generated, "Generate Time")) <= _NEAR:
                meta.timestamp = times.iso(exact[0], "high_res_timestamp")
                if not started:
                    return
                offset = wall - meta.timestamp
    if started:
        meta.timestamp = _time(started, "Start Time", offset)
    elif generated:
        meta.timestamp = _time(generated, "Generate Time")
    elif header:
        with suppress(RecordError):  # no header of syslog
            found: str | None = read_header(header)["datetime"]
            meta.timestamp = times.any_notation(found, meta.timestamp) if found else meta.timestamp


_SHORTEST = 7
"""Characters of the shortest time that there is: `2018W24`."""


def _time(text: str, name: str, offset: float = 0.0) -> float:
    """Convert `2018/11/30 16:09:07`, `offset` seconds east of UTC, or ISO 8601 of Strata Logging Service, to epoch
    seconds. Raises RecordError.
    """
    if text[:1].isdecimal() and len(text) >= _SHORTEST:  # a log may be full of others
        try:
            if text[4:5] == "/":
                return times.iso(f"{text.replace('/', '-')}Z", name) - offset
            return times.iso(text, name)
        except RecordError:
            pass  # `suppress` takes longer, for good times, too
    raise RecordError(f"{name!r} is {text[:60]!r}; expected a time such as '2018/11/30 16:09:07'")
