"""Audit logs of Hadoop: HDFS, and what the resource manager and node managers of YARN allowed."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, any_of, iso

_USER = re.compile(r"([^ ]+)(?: \(auth:([A-Z_]+)\))?(?: via ([^ ]+))?")


def _name_user(_meta: MetaData, event: Event) -> None:
    """Add who asked as `user`, how that was known as `auth`, and who asked for another as `proxy_user`."""
    ugi = event.get("ugi")
    if ugi.__class__ is str and (found := _USER.match(ugi)):
        names = ("user", "auth", "proxy_user")
        event |= {name: value for name, value in zip(names, found.groups(), strict=True) if value is not None}
    if event.get("ip").__class__ is str:  # the text of an InetAddress: its name, if known, in front of the slash
        event["address"] = event["ip"].rpartition("/")[2]


# Tabs stand between the pairs, as paths may have blanks.
HADOOP_AUDIT = KeyValue(
    "hadoop-audit",
    "Hadoop audit logs: HDFS (hdfs-audit.log), resource manager and node managers of YARN",
    "https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/HdfsDesign.html",
    head=r"(?P<time>\d{4}-\d\d-\d\d[ T][0-9:]{8}(?:[,.]\d{1,9})?) +(?P<level>[A-Z]+) +(?P<logger>[^ :]+)"
    r"(?: \((?P<place>[^ ()]*(?:\([^ ()]*\))?)\))?(?::| -) +",
    separator="\t",
    quotes="",
    escapes="none",
    require=any_of("allowed", "OPERATION"),
    time=iso("time"),
    tag="hadoop.audit.{cmd|OPERATION}",
    message="{cmd|OPERATION}{' ' src|TARGET|APPID}{' => ' dst}{' by ' ugi|USER}{' from ' ip|IP}{': ' RESULT|allowed}",
    absent="null",
    booleans="allowed",
    refine=_name_user,
    entities={"addresses": "address IP", "users": "user proxy_user USER"},
)
