"""Guards the console: who has no token gets nothing, and no other site can make a browser act here.

A browser gets in by the token in the URL that the command prints. The token then becomes a cookie, and the browser is
sent on to the URL without it. What changes something needs a second token, which only our own pages have.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 6 * 2**20
"""Most bytes of the body of a request: the beginning of a log to try, or a form."""
FORM_TOKEN, HEADER_TOKEN = "form_token", "x-slips-form-token"
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    # With 'no-referrer', browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""Of each answer."""
_HOST = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(?::[0-9]*)?")
"""The header Host: a name or an address, that of IPv6 in brackets, and perhaps a port."""
UNKNOWN = (
    "This console needs the token of its URL: open the URL that 'slips console' has printed, or start it again for "
    "another."
)


class Keys(Struct, frozen=True):
    """The secrets of one console, made anew at each start."""

    token: str
    """Lets a browser in, once it stands in the URL."""
    session: str
    """The value of the cookie."""
    form: str
    """Proves that a form, or a request of our script, is of our own page."""

    @classmethod
    def new(cls) -> Keys:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


class Guard:
    """An ASGI application in front of the pages."""

    def __init__(self, app: ASGIApp, keys: Keys, *, hosts: Collection[str], cookie: str = "slips_console") -> None:
        """`hosts` are the names under which the console may be asked for, beside addresses of loopback.

        `cookie` is its name: cookies of all ports of a host lie together, so each console needs its own.
        """
        self._app, self._keys, self._cookie = app, keys, cookie
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name.encode(): value.encode() for name, value in HEADERS.items()}
                others = [pair for pair in message["headers"] if pair[0].lower() not in ours]
                message = {**message, "headers": [*others, *ours.items()]}
            await send(message)

        request = Request(scope, receive)
        refusal = self._answer(request)
        if refusal is None and request.method not in SAFE_METHODS:
            found = await _body(request)
            if found is None:
                refusal = PlainTextResponse(f"A request may have {MOST_BYTES:,} bytes at most.", 413)
            else:
                refusal, receive = self._foreign(request, found), _replayed(found)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _answer(self, request: Request) -> Response | None:
        """Return the answer to a request that does not get in, or that brings the token; None if it may pass."""
        if not self.is_known(request.headers.get("host", "")):
            # A site whose name leads to this machine ("DNS rebinding") would be of one origin with the console.
            return PlainTextResponse("This console does not answer to that name: see 'slips console --host'.", 403)
        query = parse_qsl(request.url.query, keep_blank_values=True, errors="backslashreplace")
        tokens = [value for name, value in query if name == "token"]
        if tokens and request.method == "GET":
            if not _same(tokens[0], self._keys.token):
                return PlainTextResponse(UNKNOWN, 403)
            rest = urlencode([pair for pair in query if pair[0] != "token"], errors="backslashreplace")
            # The path is of this request, so that it must not lead elsewhere, as "//other.example" would.
            target = "/" + request.url.path.lstrip("/\\") + (f"?{rest}" if rest else "")
            answer = RedirectResponse(target, 303)
            answer.set_cookie(self._cookie, self._keys.session, httponly=True, samesite="strict", path="/")
            return answer
        if not _same(request.cookies.get(self._cookie, ""), self._keys.session):
            return PlainTextResponse(UNKNOWN, 403)
        return None

    def _foreign(self, request: Request, body: bytes) -> Response | None:
        """Return the refusal of a request that another site may have sent; None if it is of our own page."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        # With or without TLS: a server before this one may add it.
        own = {f"{scheme}://{request.headers.get('host', '')}".lower() for scheme in ("http", "https")}
        if (origin is not None and origin.lower() not in own) or site not in (None, "same-origin"):
            return PlainTextResponse("Refused: the request is of another site.", 403)
        given = request.headers.get(HEADER_TOKEN) or dict(form_pairs(body)).get(FORM_TOKEN, "")
        if not _same(given, self._keys.form):
            return PlainTextResponse("Refused: this form is of an earlier console, or of another site.", 403)
        return None

    def is_known(self, host: str) -> bool:
        """Whether the console answers to this value of the header Host, whatever its port: tunnels have their own."""
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return False
        name = found[1]
        if name in self._hosts or name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or "*" in self._hosts


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form, in order."""
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="backslashreplace", max_num_fields=20_000)
    except (UnicodeDecodeError, ValueError):
        return []


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())


async def _body(request: Request) -> bytes | None:
    """Return the body of a request; None if it is too long."""
    pieces: list[bytes] = []
    length = 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _replayed(body: bytes) -> Receive:
    """Return the ASGI function that yields a body which was read already."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
