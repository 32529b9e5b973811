"""The short way to S3 gives what botocore gives: bytes, identities and errors, from a server that checks signatures."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

import aws
from serving import Quiet, serving
from slips.backends.aws.clients import Clients
from slips.backends.aws.connections import IDLE_SECONDS, Connections, Origin
from slips.backends.aws.s3 import S3Store
from slips.backends.aws.shortcut import MOST_FAILURES, Shortcut
from slips.backends.aws.signing import Scope, query_of, quoted, signature_headers
from slips.errors import StorageError
from slips.model import ObjectEvent

ACCESS_KEY, SECRET_KEY = "AKIATESTING", "testing"
KEYS = [
    "plain/a.log",
    "a b+c=é.log",
    "a%2Bb",
    "100%",
    "/leading//double/",
    "../up/./x",
    " blank ",
    "u\u2028v",
    "年/~*'()",
]


def signature(url: str, headers: dict[str, str], region: str, credentials: Credentials) -> str:
    """The header Authorization that botocore's own signer makes for a GET with these headers."""
    signer = S3SigV4Auth(credentials, "s3", region)
    request = AWSRequest("GET", url, headers=headers)
    request.context["timestamp"] = headers["X-Amz-Date"]
    canonical = signer.canonical_request(request)
    signed = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signed}"


class Server(ThreadingHTTPServer):
    """Buckets by path. `answers` has raw answers in place of objects, each for the next request of its key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.objects: dict[str, bytes] = {}
        self.answers: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        """The targets of all requests."""
        self.ranges: list[tuple[str | None, str | None]] = []
        self.connections = 0
        self.scheme = "http"
        self.keys = {ACCESS_KEY: SECRET_KEY}
        self.is_open = False
        """Whether objects may be read without a signature."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"


class Requests(Quiet):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.ranges.append((self.headers["Range"], self.headers["If-Match"]))
        key = unquote(urlsplit(self.path).path.removeprefix("/my-logs/"))
        if raw := self.server.answers.get(key):
            self.wfile.write(raw.pop(0))
            self.close_connection = True
        elif not (self.server.is_open or self.is_signed()):
            self.answer(403, error("SignatureDoesNotMatch", "The request signature does not match."))
        elif key in self.server.objects:
            body = self.server.objects[key]
            wanted = self.headers["Range"]
            first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.answer(206 if wanted else 200, body[first:])
        else:
            self.answer(404, error("NoSuchKey", "The specified key does not exist."))

    def is_signed(self) -> bool:
        headers = {name.title(): self.headers[name] for name in self.headers if name.lower().startswith("x-amz-")}
        headers |= {name: self.headers[name] for name in ("Range", "If-Match") if name in self.headers}
        place = self.headers["Authorization"].partition("Credential=")[2].split("/")
        credentials = Credentials(place[0], self.server.keys.get(place[0], ""), self.headers["X-Amz-Security-Token"])
        return self.headers["Authorization"] == signature(self.server.url + self.path, headers, place[2], credentials)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e1"')
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
        self.send_header("x-amz-version-id", "v1")
        self.end_headers()
        self.wfile.write(body)


def error(code: str, message: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@dataclass
class Scene:
    """A server, and the clients of a function."""

    server: Server
    clients: Clients
    sent: list[str] = field(default_factory=list)
    """The URLs that botocore asked for."""

    def __post_init__(self) -> None:
        self.store = S3Store(self.clients.s3, self.clients.shortcut)
        self.clients.s3.meta.events.register("before-send", lambda request, **_: self.sent.append(request.url))

    def read(self, key: str, store: S3Store | None = None, **changes: Any) -> tuple[bytes, str, str | None]:
        """Content, etag and version."""
        with (store or self.store).open(ObjectEvent(bucket_name="my-logs", object_key=key, **changes)) as stored:
            body = b"".join(iter(lambda: stored.body.read(100_000), b""))
            assert len(body) == stored.size
            return body, stored.etag, stored.version_id

    def outcome(self, key: str, store: S3Store) -> object:
        """What reading comes to: content, or the error's text and whether the object is missing."""
        try:
            return self.read(key, store)
        except StorageError as failed:
            return str(failed), failed.missing

    def learn(self) -> None:
        self.server.objects["first"] = b"1"
        self.read("first")
        self.sent.clear()
        self.server.asked.clear()
        self.server.ranges.clear()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    return monkeypatch


@pytest.fixture
def scene(environment: pytest.MonkeyPatch) -> Iterator[Scene]:
    with serving(Server()) as server:
        yield Scene(server, Clients("eu-central-1", server.url))


# ---- signatures

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
words = st.text("abcXYZ019+/=-", min_size=1)


@given(texts, texts | st.none(), words, words, words | st.none(), st.sampled_from(["h", "h:9000"]))
def test_a_signature_is_that_of_botocores_signer(
    key: str, version: str | None, access: str, secret: str, token: str | None, host: str
) -> None:
    scope = Scope(host, "eu-central-1", "s3", "UNSIGNED-PAYLOAD")
    path, query, at = f"/my-logs/{quoted(key)}", query_of(version), "20261129T070600Z"
    lines = signature_headers(ReadOnlyCredentials(access, secret, token), scope, path, query, at).split("\r\n")
    headers = dict(line.split(":", 1) for line in lines if line)
    signed = headers.pop("Authorization").strip()
    url = f"http://{host}{path}{'?' if query else ''}{query}"
    sent = {"X-Amz-Date": at, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    sent |= {"X-Amz-Security-Token": token} if token else {}
    assert {name.lower(): value for name, value in sent.items()} == headers
    assert signed == signature(url, sent, "eu-central-1", Credentials(access, secret, token))


# ---- what is read, and by whom


def test_only_the_first_object_of_a_bucket_is_asked_for_by_botocore(scene: Scene) -> None:
    scene.server.objects = {f"{number}": b"%d" % number for number in range(5)}
    assert [scene.read(f"{number}") for number in range(5)] == [(b"%d" % n, "e1", "v1") for n in range(5)]
    assert scene.sent == [f"{scene.server.url}/my-logs/0"]
    assert len(scene.server.asked) == 5
    assert scene.server.connections == 2, "one of botocore, and one for all others"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("version", [None, "v 1+/=é"])
def test_any_key_and_version_are_asked_for_as_botocore_asks(scene: Scene, key: str, version: str | None) -> None:
    scene.server.objects[key] = key.encode()
    plain = scene.read(key, S3Store(scene.clients.s3), object_version_id=version)
    scene.learn()
    scene.server.objects[key] = key.encode()
    assert scene.read(key, object_version_id=version) == plain
    (asked,) = scene.server.asked
    assert scene.sent == []
    scene.read(key, S3Store(scene.clients.s3), object_version_id=version)
    assert scene.server.asked == [asked, asked]


def test_temporary_credentials_are_used_as_they_are_at_the_time(scene: Scene) -> None:
    scene.server.keys = {"AKIAONE": "one", "AKIATWO": "two", ACCESS_KEY: SECRET_KEY}
    current = [ReadOnlyCredentials("AKIAONE", "one", "token-1")]
    shortcut = Shortcut(lambda: current[0], lambda: None)
    shortcut.watch(scene.clients.s3)
    scene.store = S3Store(scene.clients.s3, shortcut)
    scene.learn()
    scene.read("first")
    current[0] = ReadOnlyCredentials("AKIATWO", "two", "token-2")
    scene.read("first")
    assert (len(scene.server.asked), scene.sent) == (2, [])


OK = b'HTTP/1.1 200 OK\r\nETag: "e9"\r\nLast-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\n'
CLOSING = OK + b"Connection: close\r\n"
ODD = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "an older HTTP": OK.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\nhi",
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "no length": OK + b"\r\nhi",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "a length that is none": OK + b"Content-Length: +2\r\n\r\nhi",
    "no ETag": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "an endless header": OK + b"X: " + b"x" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
    "a header without a colon": OK + b"odd\r\nContent-Length: 2\r\n\r\nhi",
    "a hundred headers": OK + b"X: y\r\n" * 101 + b"Content-Length: 2\r\n\r\nhi",
    "a header that ends early": OK + b"Content-Le",
    "an answer that goes on behind": OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi there",
    "throttling": b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
    "a server error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_is_odd_costs_the_object_nothing(scene: Scene, odd: str) -> None:
    scene.learn()
    scene.server.objects["a"] = b"content"
    scene.server.answers["a"] = [ODD[odd]]
    content, etag, _ = scene.read("a")
    assert (content, etag) in [(b"content", "e1"), (b"hi", "e9")]
    scene.server.answers["a"] = [ODD[odd]]
    assert [scene.read("first") for _ in range(2)] == [(b"1", "e1", "v1")] * 2


def refusal(status: str, code: str, message: str, **headers: str) -> bytes:
    body = error(code, message)
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


REFUSALS = {
    "missing": refusal("404 Not Found", "NoSuchKey", "The specified key does not exist."),
    "no such version": refusal("404 Not Found", "NoSuchVersion", "The specified version does not exist."),
    "no such bucket": refusal("404 Not Found", "NoSuchBucket", "The specified bucket does not exist"),
    "denied": refusal("403 Forbidden", "AccessDenied", "Access Denied"),
    "a key denied": refusal(
        "403 Forbidden",
        "AccessDenied",
        "User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:210987654321:key/0f",
    ),
    "a key disabled": refusal(
        "400 Bad Request", "KMS.DisabledException", "arn:aws:kms:us-east-1:2:key/0f is disabled."
    ),
    "archived": refusal("403 Forbidden", "InvalidObjectState", "The operation is not valid for the storage class"),
    "expired": refusal("400 Bad Request", "ExpiredToken", "The provided token has expired."),
    "skewed": refusal("403 Forbidden", "RequestTimeTooSkewed", "The difference is too large."),
    "a deletion": refusal("404 Not Found", "NoSuchKey", "No.", x_amz_delete_marker="true"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_object_that_s3_refuses_has_the_error_that_botocore_finds(scene: Scene, name: str) -> None:
    scene.learn()
    scene.server.answers["a"] = [REFUSALS[name]] * 20
    found = scene.outcome("a", scene.store)
    assert scene.sent, "botocore has asked"
    assert found == scene.outcome("a", S3Store(scene.clients.s3))
    assert isinstance(found[0], str)  # type: ignore[index]


def test_an_empty_key_never_lists_the_bucket(scene: Scene) -> None:
    scene.learn()
    scene.server.objects[""] = b"a listing"
    assert scene.outcome("", scene.store) == scene.outcome("", S3Store(scene.clients.s3))
    assert scene.server.asked == []


def test_a_connection_that_the_server_has_closed_is_replaced(scene: Scene) -> None:
    scene.learn()
    scene.server.answers["first"] = [OK + b"Content-Length: 2\r\n\r\nhi"]  # closed behind this
    assert scene.read("first")[0] == b"hi"
    assert scene.read("first")[0] == b"1"
    assert scene.sent == []


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    now = [0.0]
    connections = Connections(ssl.create_default_context, lambda: now[0])

    def get() -> None:
        answer = connections.get(Origin(False, *server.server_address[:2]), b"GET /a HTTP/1.1\r\n\r\n")  # type: ignore[arg-type]
        answer.body.read()
        answer.body.close()

    with serving(Server()) as server:
        server.objects["/a"] = b"1"
        server.is_open = True
        for now[0], opened in ((0.0, 1), (IDLE_SECONDS - 0.1, 1), (2 * IDLE_SECONDS, 2)):
            get()
            assert server.connections == opened


def test_a_body_that_breaks_off_is_read_on_by_botocore_from_that_byte_of_that_content(scene: Scene) -> None:
    scene.learn()
    scene.server.objects["a"] = body = bytes(range(256)) * 1000
    cut = OK.replace(b"e9", b"e1") + b"Content-Length: 256000\r\n\r\n" + body[:70_000]
    scene.server.answers["a"] = [cut]
    assert scene.read("a")[0] == body
    assert scene.server.ranges == [(None, None), ("bytes=70000-", '"e1"')]


def test_a_bucket_whose_answers_only_botocore_understands_is_left_to_it(scene: Scene) -> None:
    scene.learn()
    scene.server.answers["first"] = [ODD["no ETag"], CLOSING + b"Content-Length: 2\r\n\r\nhi"] * MOST_FAILURES
    for _ in range(MOST_FAILURES):
        scene.read("first")
    assert len(scene.server.asked) == 2 * MOST_FAILURES
    scene.read("first")
    scene.read("first")
    assert (len(scene.server.asked), len(scene.sent)) == (2 * MOST_FAILURES + 2, MOST_FAILURES + 2)


def test_objects_that_are_missing_do_not_make_the_way_longer_for_others(scene: Scene) -> None:
    scene.learn()
    for number in range(2 * MOST_FAILURES):
        scene.outcome(f"missing {number}", scene.store)
    scene.sent.clear()
    scene.read("first")
    assert scene.sent == []


# ---- requests that are not learned from


def test_a_hook_that_answers_in_place_of_the_network_is_always_asked() -> None:
    with aws.account():
        client = aws.client("s3")
        client.create_bucket(Bucket="my-logs")
        shortcut = Shortcut(lambda: ReadOnlyCredentials("a", "b", None), lambda: None)
        shortcut.watch(client)
        store = S3Store(client, shortcut)
        for key in ("a", "b"):
            client.put_object(Bucket="my-logs", Key=key, Body=key.encode())
            event = ObjectEvent(bucket_name="my-logs", object_key=key)
            with store.open(event) as stored:
                assert stored.body.read() == key.encode()
            assert shortcut.get(event) is None


def test_a_request_with_further_signed_headers_is_not_learned_from(scene: Scene) -> None:
    client = boto3.client("s3", endpoint_url=scene.server.url, region_name="us-east-1")  # asks for checksums
    shortcut = scene.clients.shortcut
    shortcut.watch(client)
    scene.server.objects["a"] = b"1"
    scene.outcome("a", S3Store(client, shortcut))
    assert scene.server.asked
    assert shortcut.get(ObjectEvent(bucket_name="my-logs", object_key="a")) is None


def test_a_proxy_is_left_to_botocore(environment: pytest.MonkeyPatch) -> None:
    with serving(Server()) as server:
        environment.setenv("http_proxy", server.url)
        environment.setenv("no_proxy", "")
        server.answers["a"] = [CLOSING + b"Content-Length: 2\r\n\r\nhi"] * 2
        scene = Scene(server, Clients("eu-central-1", "http://s3.example"))
        assert [scene.read("a")[0] for _ in range(2)] == [b"hi", b"hi"]
        assert len(scene.sent) == 2


# ---- TLS


def certificate(directory: Path) -> Path:
    """A file with the key and the certificate of 127.0.0.1, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path = directory / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(tmp_path: Path, environment: pytest.MonkeyPatch) -> Iterator[Scene]:
    both = certificate(tmp_path)
    environment.setenv("AWS_CA_BUNDLE", str(both))
    with serving(Server()) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
        yield Scene(server, Clients("eu-central-1", server.url))


def test_a_server_whose_certificate_is_good_is_asked_without_botocore(secure: Scene) -> None:
    secure.learn()
    assert [secure.read("first")[0] for _ in range(3)] == [b"1"] * 3
    assert secure.sent == []


def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(secure: Scene) -> None:
    shortcut = Shortcut(lambda: ReadOnlyCredentials(ACCESS_KEY, SECRET_KEY, None), lambda: None)
    shortcut.watch(secure.clients.s3)
    secure.store = S3Store(secure.clients.s3, shortcut)
    secure.learn()
    assert shortcut.get(ObjectEvent(bucket_name="my-logs", object_key="first")) is None
    assert secure.server.asked == []
