"""Notifications by HTTP: who may send them, when they are acknowledged, and what hostile requests come to."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from slips.backends.machine.sqlite import FILE, sync
from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import UsageError
from slips.model import ObjectEvent
from slips.service.names import Names
from slips.service.secret_places import LONGEST, secret_at
from slips.service.sources import MOST_WAITING, Arrival
from slips.service.webhook import BODY_BYTES, CONNECTIONS, HEAD_BYTES, Request, WebhookSource, is_allowed

GUARD = 300.0
SECRET = "hüsh 1"


def notification(
    *keys: str, bucket: str = "real", source: str = "minio:s3", event: str = "s3:ObjectCreated:Put"
) -> bytes:
    records = [
        {"eventName": event, "eventSource": source, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
        for key in keys
    ]
    return json.dumps({"EventName": event, "Key": f"{bucket}/a", "Records": records}).encode()


class Service:
    """A listening source, and a supervisor that stores what arrives while it is asked to."""

    def __init__(
        self,
        secret: Callable[[], str] | None = None,
        *,
        stores: bool = True,
        prefix: Sequence[str] = ("a", "b"),
        **seconds: float,
    ) -> None:
        self.synced = 0
        self.failure: OSError | None = None
        self.arrivals: list[Arrival] = []
        self.stores = stores
        self._woken = threading.Event()
        names = Names({"my-logs": S3Bucket(s3="real", prefix=list(prefix)), "other": S3Bucket(s3="second")})
        self.source = WebhookSource(
            "127.0.0.1:0", names, secret, self._sync, jitter=lambda pause: pause / 100, **seconds
        )
        self.source.open(self._woken.set)
        self._is_over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        until(lambda: self.source.port)

    def _sync(self) -> None:
        self.synced += 1
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        while not self._is_over:
            if self.stores:
                for arrival in self.source.take():
                    self.arrivals.append(arrival)
                    if arrival.stored is not None:
                        arrival.stored()
            self._woken.wait(0.01)
            self._woken.clear()

    def close(self) -> None:
        self._is_over = True
        self.source.close()
        self._thread.join(GUARD)

    def send(self, body: bytes = b"", method: str = "POST", target: str = "/", **headers: str) -> tuple[int, str]:
        """Status and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.source.port, timeout=GUARD)
        connection.request(method, target, body or None, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text.strip()

    def raw(self, data: bytes, *, ends: bool = False) -> bytes:
        """All that is answered to these bytes."""
        with socket.create_connection(("127.0.0.1", self.source.port), timeout=GUARD) as connection:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            found = b""
            while piece := connection.recv(4096):
                found += piece
            return found

    @property
    def events(self) -> list[ObjectEvent]:
        return [event for arrival in self.arrivals for event in arrival.events]

    @property
    def keys(self) -> list[tuple[str, str]]:
        return [(event.bucket_name, event.object_key) for event in self.events]


def is_closed(connection: socket.socket) -> bool:
    """Wait for what comes next, and return whether it is the end. That is a reset if not all sent bytes were read."""
    with suppress(ConnectionResetError):
        return connection.recv(100) == b""
    return True


def until(ready: Callable[[], Any]) -> None:
    for _ in range(int(GUARD * 100)):
        if ready():
            return
        time.sleep(0.01)
    raise AssertionError("nothing happens")


@pytest.fixture
def make() -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(secret: Callable[[], str] | None = None, *, stores: bool = True, **options: Any) -> Service:
        made.append(Service(secret, stores=stores, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., Service]


def test_a_notification_is_acknowledged_when_the_state_has_its_objects(make: Make) -> None:
    service = make()
    assert service.send(notification("a%2Fx", "b+c")) == (200, "OK")
    assert service.keys == [("my-logs", "a/x"), ("my-logs", "b c")]
    assert service.synced == 1


def test_a_notification_that_the_state_does_not_take_is_answered_503_so_that_it_comes_again(make: Make) -> None:
    service = make(stores=False, store_seconds=0.05)
    status, text = service.send(notification("a"))
    assert (status, text) == (503, "the state cannot take the objects now")
    service.source._store_seconds = GUARD  # a busy machine may take long for what follows
    service.stores = True
    assert service.send(notification("a"))[0] == 200
    assert service.keys == [("my-logs", "a"), ("my-logs", "a")], "the state has each content once"


def test_a_state_that_cannot_be_synced_is_answered_503(make: Make) -> None:
    service = make()
    service.failure = OSError(28, "No space left on device")
    assert service.send(notification("a")) == (503, "the state cannot take the objects now: No space left on device")


def test_a_session_that_is_far_behind_answers_503(make: Make) -> None:
    service = make(stores=False)
    service.source._inbox.offer(Arrival([ObjectEvent(bucket_name="b", object_key="k")] * MOST_WAITING))
    assert service.send(notification("a")) == (503, "too many objects wait to be stored")


def test_what_announces_no_new_object_of_the_bucket_is_acknowledged(make: Make) -> None:
    service = make()
    removed = notification("a", event="s3:ObjectRemoved:Delete")
    assert service.send(removed) == (200, "OK")
    assert service.send(notification("c-is-no-prefix")) == (200, "OK")
    assert (service.events, service.synced) == ([], 0)


def test_a_bucket_that_the_config_does_not_have_is_ignored_and_told_once(make: Make) -> None:
    service = make()
    for _ in range(2):
        assert service.send(notification("a", bucket="stranger")) == (200, "OK")
    until(lambda: service.arrivals)
    (arrival,) = service.arrivals
    assert (arrival.events, arrival.stored) == ([], None)
    assert "notifications of bucket 'stranger' are ignored; expected those of 'real', 'second'" in arrival.note


def test_the_name_of_a_bucket_that_the_config_does_not_have_is_spelled_out_once(make: Make) -> None:
    service = make()
    service.send(notification("a", bucket="it's \x1b[31mred%20\\n"))
    until(lambda: service.arrivals)
    assert "notifications of bucket 'it's \\x1b[31mred%20\\n' are ignored" in service.arrivals[0].note


def test_the_test_event_of_s3_is_acknowledged(make: Make) -> None:
    service = make()
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T00:00:00.000Z", "Bucket": "real"}
    assert service.send(json.dumps(body).encode()) == (200, "OK")
    assert service.events == []


@pytest.mark.parametrize("prefix", ["a/b c/", "a%2Fb+c%2F"])
def test_a_key_of_ceph_is_of_a_prefix_whether_it_is_quoted_or_not(make: Make, prefix: str) -> None:
    service = make(prefix=[prefix])
    for key in ("a%2Fb+c%2Fd", "b%2Fd"):
        assert service.send(notification(key, source="ceph:s3"))[0] == 200
    assert [(event.object_key, event.quoted) for event in service.events] == [("a%2Fb+c%2Fd", True)]


@pytest.mark.parametrize(("key", "quoted"), [("a+b", True), ("a%2Bb", True), ("a b", None), ("a/x.log", None)])
def test_a_key_of_ceph_is_as_sent_and_opening_it_decides_whether_it_is_quoted(
    make: Make, key: str, quoted: bool | None
) -> None:
    service = make()
    assert service.send(notification(key, source="ceph:s3"))[0] == 200
    (event,) = service.events
    assert (event.object_key, event.quoted) == (key, quoted)


# ---- who may send


def basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'user:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("target", "authorization"),
    [
        ("/", "Bearer s3cret"),
        ("/", "bearer s3cret"),
        ("/", "s3cret"),
        ("/", "Token s3cret"),
        ("/", basic("s3cret")),
        ("/notify?secret=s3cret", ""),
        ("/?a=b&secret=s3cret", "Bearer wrong"),
    ],
)
def test_the_secret_may_be_where_minio_and_ceph_can_put_it(target: str, authorization: str) -> None:
    assert is_allowed(Request("POST", target, {"authorization": authorization}), "s3cret")


@pytest.mark.parametrize(
    ("target", "authorization"),
    [
        ("/", ""),
        ("/", "Bearer"),
        ("/", "Bearer s3cre"),
        ("/", "Bearer s3crett"),
        ("/", basic("")),
        ("/", "Basic ???"),
        ("/s3cret?token=s3cret", ""),
        ("/?secret=", ""),
        (f"/?{'a=b&' * 100}secret=s3cret", ""),
        ("//[?secret=s3cret", ""),
    ],
)
def test_any_other_request_has_no_secret(target: str, authorization: str) -> None:
    assert not is_allowed(Request("POST", target, {"authorization": authorization}), "s3cret")


def test_a_notification_without_the_secret_is_refused_unread(make: Make) -> None:
    service = make(lambda: SECRET)
    assert service.send(notification("a")) == (401, "wrong secret, or none")
    wrong = service.raw(b"POST / HTTP/1.1\r\nAuthorization: Bearer x\r\nContent-Length: 1000000\r\n\r\n")
    assert wrong.startswith(b"HTTP/1.1 401 "), "though no body has come"
    assert service.events == []


def test_a_notification_with_the_secret_is_taken_also_when_the_secret_changes(make: Make) -> None:
    secrets = ["old"]
    service = make(lambda: secrets[0])
    assert service.send(notification("a"), Authorization="Bearer old")[0] == 200
    secrets[0] = "new"
    assert service.send(notification("a"), Authorization="Bearer old")[0] == 401
    assert service.send(notification("b"), target="/?secret=new")[0] == 200
    assert service.keys == [("my-logs", "a"), ("my-logs", "b")]


def test_a_secret_that_cannot_be_read_lets_nobody_in_and_is_told(make: Make) -> None:
    secrets = ["x"]

    def secret() -> str:
        if not secrets:
            raise UsageError("webhook.secret: variable 'X' is not set")
        return secrets[0]

    service = make(secret)
    secrets.clear()
    assert service.send(notification("a"), Authorization="Bearer x")[0] == 503
    assert service.source.problem == "webhook.secret: variable 'X' is not set"
    secrets.append("x")
    assert service.send(notification("a"), Authorization="Bearer x")[0] == 200
    assert service.source.problem is None


def test_nothing_listens_before_the_secret_can_be_read() -> None:
    secrets: list[str] = []

    def secret() -> str:
        if not secrets:
            raise UsageError("webhook.secret: variable 'X' is not set")
        return secrets[0]

    source = WebhookSource("127.0.0.1:0", Names({}), secret, lambda: None, jitter=lambda pause: pause / 100)
    source.open(lambda: None)
    until(lambda: source.problem)
    assert (source.problem, source.port) == ("webhook.secret: variable 'X' is not set", 0)
    secrets.append("x")
    until(lambda: source.port)
    assert source.problem is None
    source.close()


def test_a_page_in_a_browser_cannot_announce_objects(make: Make) -> None:
    service = make()
    assert service.send(notification("a"), Origin="http://evil.example")[0] == 403
    assert service.events == []


def test_a_secret_is_read_where_the_config_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("x" * (LONGEST + 1))
    (tmp_path / "bytes").write_bytes(b"\xff")

    def read(place: str) -> str:
        return secret_at(place, lambda name: tmp_path / name, "webhook.secret", {"A": "one", "EMPTY": ""})

    assert (read("{{env:A}}"), read("{{ env: A }}"), read("{{file:secret}}")) == ("one", "one", "hush")
    for place, words in {
        "{{env:EMPTY}}": "variable 'EMPTY' is not set; expected the secret",
        "{{env:NONE}}": "variable 'NONE' is not set",
        "{{file:gone}}": "gone: No such file or directory; expected a file with the secret",
        "{{file:empty}}": "is empty, or longer",
        "{{file:long}}": "is empty, or longer",
        "{{file:bytes}}": "no text in UTF-8",
    }.items():
        with pytest.raises(UsageError) as raised:
            read(place)
        assert words in str(raised.value)
        assert str(raised.value).startswith("webhook.secret: ")


# ---- hostile requests


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no JSON", "body: JSON is malformed"),
        (b"\xff\xfe", "body: "),
        (b"[" * 100_000, "body: "),
        (b"[]", "body: no list 'Records'"),
        (b'{"Records": {}}', "body: no list 'Records'"),
        (b'{"Records": [1, "x", null]}', "Records[0]: a whole number"),
        (b'{"Records": [{"s3": {"bucket": {"name": 5}}}]}', "Records[0]: no 'eventName'"),
        (notification("a\ud800"), "utf-16 surrogate pair"),
    ],
)
def test_a_body_that_is_no_notification_is_answered_400_in_words(make: Make, body: bytes, words: str) -> None:
    service = make()
    status, text = service.send(body)
    assert (status, service.events) == (400, [])
    assert words in text
    assert "\n" not in text


def test_what_can_be_read_is_taken_though_the_rest_is_refused(make: Make) -> None:
    service = make()
    records = json.loads(notification("a"))["Records"]
    status, text = service.send(json.dumps({"Records": [{"odd": 1}, *records]}).encode())
    assert (status, service.keys) == (400, [("my-logs", "a")])
    assert text == "Records[0]: not known (keys: odd); a record of S3, SNS or SQS was expected"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", b"400"),
        (f"POST / HTTP/1.1\r\nContent-Length: {BODY_BYTES + 1}\r\n\r\n".encode(), b"413"),
        (f"POST / HTTP/1.1\r\nContent-Length: {'9' * 5_000}\r\n\r\n".encode(), b"413"),
        (b"POST / HTTP/1.1\r\nA: " + b"x" * HEAD_BYTES * 2, b"431"),
        (b"PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
    ],
)
def test_an_odd_request_is_answered_and_the_next_one_is_taken(make: Make, head: bytes, status: bytes) -> None:
    service = make()
    assert service.raw(head)[9:12] == status
    assert service.send(notification("a"))[0] == 200


def test_a_probe_of_minio_is_answered_without_a_body(make: Make) -> None:
    answer = make().raw(b"HEAD / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_a_sender_that_asks_whether_to_send_its_body_is_told_to(make: Make) -> None:
    body = notification("a")
    head = f"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert make().raw(head + body).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_slow_sender_is_cut_off_and_keeps_nobody_waiting(make: Make) -> None:
    service = make(request_seconds=0.3)
    with socket.create_connection(("127.0.0.1", service.source.port), timeout=GUARD) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")

        def is_taken() -> bool:
            with suppress(OSError, http.client.HTTPException):  # a busy machine may be a slow sender, too
                return service.send(notification("a"))[0] == 200
            return False

        until(is_taken)
        assert is_closed(slow)


def test_a_sender_that_hangs_up_in_its_body_announces_nothing(make: Make) -> None:
    service = make()
    body = notification("a")
    head = f"POST / HTTP/1.1\r\nContent-Length: {len(body) + 1}\r\n\r\n".encode()
    assert service.raw(head + body, ends=True) == b""
    assert service.events == []


def held_open(service: Service, said: bytes) -> list[socket.socket]:
    """As many connections as there may be, which have all said this."""
    held = []
    for number in range(CONNECTIONS):
        held.append(socket.create_connection(("127.0.0.1", service.source.port), timeout=GUARD))
        held[-1].sendall(said)
        until(lambda number=number: len(service.source._open) == number + 1)  # type: ignore[misc]
    return held


def test_whoever_has_no_secret_keeps_no_sender_out(make: Make) -> None:
    """Connections that say nothing, or too little, give way to new ones, the longest open one first."""
    service = make(lambda: "s3cret")
    held = held_open(service, b"POST / HTTP/1.1\r\n")
    assert service.send(notification("a"), Authorization="Bearer s3cret")[0] == 200
    assert held[0].recv(100) == b""
    held[1].sendall(b"\r\n")
    assert held[1].recv(100)[9:12] == b"401", "it has stayed"
    for each in held:
        each.close()
    until(lambda: not service.source._open)
    assert [key for _, key in service.keys] == ["a"]


def test_too_many_senders_are_answered_503_and_the_others_stay(make: Make) -> None:
    service = make()
    held = held_open(service, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
    until(lambda: all(service.source._open.values()))
    assert service.raw(b"")[9:12] == b"503"
    assert len(service.source._open) == CONNECTIONS
    for each in held:
        each.close()
    until(lambda: not service.source._open)
    assert service.send(notification("a"))[0] == 200


# ---- its life


def test_a_port_that_is_taken_is_told_and_tried_again() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    source = WebhookSource(f"127.0.0.1:{port}", Names({}), None, lambda: None, jitter=lambda pause: pause / 100)
    source.open(lambda: None)
    until(lambda: source.problem)
    assert f"webhook: 127.0.0.1:{port}: Address already in use" in (source.problem or "")
    taken.close()
    until(lambda: source.port == port)
    assert source.problem is None
    source.close()


def test_closing_frees_the_port_and_answers_nobody_who_waits_to_be_stored(make: Make) -> None:
    service = make(stores=False, store_seconds=GUARD)
    body = notification("a")
    with socket.create_connection(("127.0.0.1", service.source.port), timeout=GUARD) as waiting:
        waiting.sendall(f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: not service.source._inbox.is_empty)
        service.close()
        assert is_closed(waiting)
    with socket.create_server(("127.0.0.1", service.source.port)):
        pass


def test_a_state_is_synced_with_its_log_and_without(tmp_path: Path) -> None:
    state = MachineState.open(tmp_path)
    state.set("a", "1")
    assert (tmp_path / f"{FILE}-wal").exists()
    sync(tmp_path)
    state.close()
    assert not (tmp_path / f"{FILE}-wal").exists()
    sync(tmp_path)
