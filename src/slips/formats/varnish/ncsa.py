"""Access logs of Varnish."""

from __future__ import annotations

from dataclasses import replace

from slips.formats.apache.httpd import APACHE_ACCESS

# The same notation as Apache's: `log_format` is what follows `varnishncsa -F`.
VARNISH = replace(
    APACHE_ACCESS,
    name="varnish",
    summary="access logs of Varnish by varnishncsa, or with a format of one's own",
    reference="https://varnish-cache.org/docs/trunk/reference/varnishncsa.html",
    tag="varnish.access",
    chain=(),
    entities={"addresses": "remote_host", "users": "remote_user"},
)
