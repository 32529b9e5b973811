"""S3 as it is on a bad day, by a small server that breaks off, refuses and changes its mind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from serving import Quiet, serving
from slips.backends.aws.s3 import RESUMES, S3Store
from slips.errors import StorageError
from slips.model import ObjectEvent

if TYPE_CHECKING:
    from slips.codec import Rereadable

BODY = bytes(range(256)) * 4096
EVENT = ObjectEvent(bucket_name="my-logs", object_key="a.log")


class Server(ThreadingHTTPServer):
    """One object, and a script of what goes wrong: each request takes the next fault."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.faults: list[str] = []
        self.ranges: list[str | None] = []
        self.etag = '"e1"'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Requests(Quiet):
    server: Server

    def do_GET(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        if fault == "503":
            self.send_error(503)
            return
        if self.headers["If-Match"] not in (None, self.server.etag):
            self.send_error(412)
            return
        content = BODY[int(wanted.removeprefix("bytes=").rstrip("-")) :] if wanted else BODY
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", self.server.etag)
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
        self.end_headers()
        if fault == "overwritten":
            self.server.etag = '"e2"'
        self.wfile.write(content[: len(content) // 2] if fault in ("cut", "overwritten") else content)
        if fault in ("cut", "overwritten"):
            self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as made:
        yield made


@contextmanager
def body(server: Server) -> Iterator[BinaryIO]:
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"}),
    )
    with S3Store(client).open(EVENT) as stored:
        yield stored.body


def rest(stored: BinaryIO) -> bytes:
    return b"".join(iter(lambda: stored.read(100_000), b""))


def read(server: Server) -> bytes:
    with body(server) as stored:
        return rest(stored)


def test_a_body_that_breaks_off_is_read_on_from_there(server: Server) -> None:
    server.faults = ["cut", "cut", "cut"]
    assert read(server) == BODY
    half, quarter, eighth = len(BODY) // 2, len(BODY) // 4, len(BODY) // 8
    assert server.ranges == [None, f"bytes={half}-", f"bytes={half + quarter}-", f"bytes={half + quarter + eighth}-"]


def test_a_refusal_that_passes_is_no_error(server: Server) -> None:
    server.faults = ["503", "cut", "503"]
    assert read(server) == BODY


def test_a_body_that_keeps_breaking_off_is_a_storage_error_that_says_where(server: Server) -> None:
    server.faults = ["cut"] * (RESUMES + 1)
    with pytest.raises(StorageError, match=r"s3://my-logs/a.log: reading broke off at byte"):
        read(server)


def test_halves_of_two_contents_are_never_put_together(server: Server) -> None:
    server.faults = ["overwritten"]
    with pytest.raises(StorageError, match="412"):
        read(server)


def test_a_body_is_read_again_from_its_first_byte_wherever_it_is(server: Server) -> None:
    server.faults = ["", "cut"]
    with body(server) as stored:
        assert stored.read(5000) == BODY[:5000]
        assert rest(cast("Rereadable", stored).again()) == BODY
        assert rest(stored) == BODY[5000:]
    assert server.ranges == [None, None, f"bytes={len(BODY) // 2}-"]


def test_a_body_is_not_read_again_when_its_object_was_overwritten(server: Server) -> None:
    with body(server) as stored:
        server.etag = '"e2"'
        with pytest.raises(StorageError, match=r"s3://my-logs/a.log: reading it again, up to a damage: .*412"):
            cast("Rereadable", stored).again()


def test_a_store_that_is_not_there_is_a_storage_error(server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(StorageError, match=r"s3://my-logs/a.log"):
        read(server)


class Pages:
    """A client whose listings are answered with canned pages."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self._pages = list(pages)
        self.meta = SimpleNamespace(region_name="us-east-1")

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        return self._pages.pop(0)


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        # Of servers that know the older ListObjects alone: they have markers in place of tokens.
        ([{"IsTruncated": True, "NextMarker": "a"}], "with no continuation token"),
        ([{"IsTruncated": True, "NextContinuationToken": "1"}] * 2, "with the same continuation token"),
    ],
)
def test_a_listing_that_does_not_go_on_is_an_error_and_no_end(pages: list[dict[str, Any]], told: str) -> None:
    store = S3Store(cast("Any", Pages(*pages)))
    with pytest.raises(StorageError, match=f"s3://my-logs/x/: S3 answers that more keys follow, {told}"):
        list(store.list("my-logs", "x/"))
    store = S3Store(cast("Any", Pages(*pages)))
    with pytest.raises(StorageError, match=told):
        store.folders("my-logs", "x/")


def test_a_listing_goes_on_while_its_tokens_change() -> None:
    pages = [{"IsTruncated": True, "NextContinuationToken": token} for token in "123"]
    assert list(S3Store(cast("Any", Pages(*pages, {"IsTruncated": False}))).list("my-logs")) == []


class Refusing:
    """A client for which each call is refused with the code and message."""

    def __init__(self, code: str, message: str) -> None:
        self._answer: Any = {"Error": {"Code": code, "Message": message}}
        self.meta = SimpleNamespace(region_name="us-east-1")

    def list_objects_v2(self, **_: Any) -> None:
        raise ClientError(self._answer, "ListObjectsV2")

    def get_object(self, **_: Any) -> None:
        raise ClientError(self._answer, "GetObject")


def refused(code: str, message: str = "Refused.") -> tuple[StorageError, StorageError]:
    """The errors of a listing and of an object."""
    store = S3Store(cast("Any", Refusing(code, message)))
    with pytest.raises(StorageError) as of_listing:
        store.page("my-logs", "x/")
    with pytest.raises(StorageError) as of_object, store.open(EVENT):
        pass
    return of_listing.value, of_object.value


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("InvalidAccessKeyId", "access key of an active user or role that this server knows; look at the bucket's"),
        ("InvalidClientTokenId", "AWS_ACCESS_KEY_ID"),
        ("InvalidSecurity", "AWS_ACCESS_KEY_ID"),
        ("Unauthorized", "AWS_ACCESS_KEY_ID"),
        ("401", "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "the secret key that belongs to the access key; look at the bucket's 'profile'"),
        ("ExpiredToken", "credentials that have not expired; renew them"),
        ("TokenRefreshRequired", "credentials that have not expired; renew them"),
        ("RequestExpired", "credentials that have not expired; renew them"),
        ("InvalidToken", "session token that belongs to the access key; look at AWS_SESSION_TOKEN"),
        ("RequestTimeTooSkewed", "a clock that is at most 15 minutes wrong; set the clock"),
        ("NotSignedUp", "an account that may use this service"),
        ("AccountProblem", "an account that may use this service"),
        ("AllAccessDisabled", "an account that may use this service"),
        ("UserSuspended", "an account that may use this service"),
    ],
)
def test_a_refusal_of_the_credentials_leads_to_them_and_keeps_the_bucket_away(code: str, told: str) -> None:
    of_listing, of_object = refused(code)
    assert of_listing.away
    for error in (of_listing, of_object):
        assert f"S3 answers {code}: Refused.; expected " in str(error)
        assert told in str(error)
        assert "look at the server" not in str(error)


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("NoSuchBucket", "x", "expected a bucket of that name"),
        ("InvalidBucketName", "x", "expected a bucket of that name; create it, or mend the name"),
        ("PermanentRedirect", "x", "expected the region of the bucket; give it as 'region'"),
        ("AuthorizationHeaderMalformed", "the region 'a' is wrong; expecting 'b'", "expected the region of the bucket"),
        ("AuthorizationHeaderMalformed", "a non-empty Access Key must be provided", "look at the bucket's 'profile'"),
    ],
)
def test_a_refusal_of_a_setting_leads_to_it(code: str, message: str, told: str) -> None:
    for error in refused(code, message):
        assert told in str(error)


def test_a_refusal_of_listings_or_of_objects_alone_says_what_to_do() -> None:
    assert [str(error).partition("Refused.")[2] for error in refused("InternalError")] == [
        "; expected a page of keys; try again, then look at the server",
        "",
    ]
    assert "'s3:ListBucket'" in str(refused("AccessDenied")[0])
    assert str(refused("AccessDenied")[1]).endswith(
        "; the object is gone, or this role may not read it; give the role 's3:GetObject' on it; if it is gone, put it "
        "back and replay it with 'slips drain', or take its error item off with 'slips dismiss'"
    )
    assert str(refused("NoSuchKey")[1]).endswith(
        "; expected the object, which was there before; put it back and replay it with 'slips drain', or take its "
        "error item off with 'slips dismiss'"
    )
    assert "is not archived; restore it" in str(refused("InvalidObjectState")[1])
