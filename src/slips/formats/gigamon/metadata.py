"""Metadata of network traffic that Gigamon's Application Metadata Intelligence (AMI) finds, and its exporter (AMX)."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, Json, all_of, any_of, stamp, written

_REFERENCE = "https://docs.gigamon.com/doclib611/Content/GV-Cloud-V-Series-Applications/AMX_Introduction.html"
_COUNTS = """src_port dst_port protocol app_id ip_version src_bytes dst_bytes src_packets dst_packets seq_num end_reason
    dns_qdcount dns_ancount dns_transaction_id dns_flags dns_opcode dns_class dns_ttl dns_query_type http_code"""

# AMX writes arrays of objects whose values are texts. In these an attribute that an application shows several times is
# a key that comes again, of which the last counts, as JSON readers have it.
GIGAMON = Json(
    "gigamon",
    "Gigamon AMX as JSON: flows that Application Metadata Intelligence saw, with attributes of their applications",
    _REFERENCE,
    chain=("json-documents", "gigamon"),
    require=all_of("vendor", "generator", any_of("src_ip", "app_name", "app_id", "seq_num", "dns_name")),
    time=written("%a %b %d %H:%M:%S %Y", "ts"),
    tag="gigamon.ami.{app_name|'flow'}",
    message="{app_name|'flow'}{' from ' src_ip}{':' src_port}{' to ' dst_ip}{':' dst_port}{': ' dns_query|http_host}",
    integers=_COUNTS,
    floats="dns_response_time http_rtt tcp_rtt",
    entities={
        "addresses": "src_ip dst_ip dns_host_addr",
        "hosts": "dns_host",
        "domains": "dns_query http_host ssl_common_name",
    },
)


def _read_end(meta: MetaData, event: Event) -> None:
    """Read the end of the flow, which is the time of its record. Raises RecordError."""
    if end := event.get("GigamonMdataFlowEndMsec"):
        meta.timestamp = times.written(end, "%Y:%m:%d %H:%M:%S.%f", "GigamonMdataFlowEndMsec")


GIGAMON_CEF = Cef(
    "gigamon-cef",
    "Gigamon Application Metadata Intelligence in CEF, with or without a syslog header",
    _REFERENCE,
    vendors="Gigamon",
    time=stamp("datetime"),
    tag="gigamon.ami.{GigamonApplicationName|'flow'}",
    message=("{GigamonApplicationName|name}{' from ' src}{':' spt}{' to ' dst}{':' dpt}{': ' GigamonMdata_http_host}"),
    integers="""spt dpt GigamonApplicationID GigamonMdataIpVer GigamonInitiatorOctets GigamonResponderOctets
        GigamonInitiatorPackets GigamonResponderPackets GigamonMdataFlowEndReason GigamonMdataSeqNum
        GigamonMdata_http_code""",
    floats="GigamonMdataTcpRttMin GigamonMdataTcpRttMax GigamonMdataTcpRttAppMin GigamonMdataTcpRttAppMax",
    refine=_read_end,
    entities={"addresses": "src dst", "domains": "GigamonMdata_http_host"},
)
