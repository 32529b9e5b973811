"""Access logs of the hosts of Nginx Proxy Manager."""

from __future__ import annotations

from slips.formats.nginx.log_format import QUOTED
from slips.parsing import Regex, clf

NGINX_PROXY_MANAGER = Regex(
    "nginx-proxy-manager",
    "access logs of Nginx Proxy Manager: proxy hosts, redirections, dead hosts, the default site",
    "https://github.com/NginxProxyManager/nginx-proxy-manager/blob/develop/docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf",
    pattern=r"\[(?P<time>[^\]]+)\] (?:(?P<cache_status>[A-Z-]+) (?P<upstream_status>\d{3}(?:, \d{3})*|-) )?"
    r'(?P<status>\d{3}) - (?P<method>[^ ]*) (?P<scheme>[a-z]+) (?P<host>[^ ]*) "(?P<uri>'
    + QUOTED
    + r')" \[Client (?P<client>[^\]]*)\] '
    r"\[Length (?P<bytes>[^\]]*)\] \[Gzip (?P<gzip_ratio>[^\]]*)\](?: \[Sent-to (?P<sent_to>[^\]]*)\])? "
    r'"(?P<user_agent>' + QUOTED + r')" "(?P<referer>' + QUOTED + r')"(?P<more>.+)?',
    escaped="uri user_agent referer",
    absent="-",
    integers="status bytes",
    floats="gzip_ratio",
    time=clf("time"),
    tag="nginx.proxy-manager",
    message="{client|'-'}{' ' method} {scheme}://{host|'-'}{uri|'-'} {status}",
    entities={"addresses": "client host sent_to", "domains": "host"},
)
