"""Metrics and probes of `slips up`: what is counted and named, and the HTTP server that answers."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from fakes import object_event
from projects import CONFIG
from slips.backends.machine.state import MachineState
from slips.config import Config, Mapping, parse
from slips.errors import UsageError
from slips.model import LANES, ErrorItem, ObjectEvent, Outcome
from slips.pipeline.ended import Failure
from slips.service import endpoint
from slips.service.counters import MOST_NAMES, Counters
from slips.service.endpoint import Endpoint, Response, address_of, listen
from slips.service.metrics import METRICS, Metrics, StateGauges, pages, read_state
from slips.service.probes import ALIVE_SECONDS, Probes

pytestmark = pytest.mark.smoke
GUARD = 300.0
"""Seconds after which something hangs."""


NO_STATE = StateGauges()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def event(key: str, lane: str = "fast") -> ObjectEvent:
    return object_event(key, lane)  # type: ignore[arg-type]


def failure(of: ObjectEvent) -> Failure:
    return Failure(of, "handler", "KeyError", "m", retryable=True, outcome=Outcome(records=2, delivered=2, bytes_in=5))


def scraped(counters: Counters, state: StateGauges = NO_STATE) -> dict[Any, float]:
    """The value of each series, by its name and the values of its labels, as Prometheus reads them."""
    probes = Probes()
    text = pages(Metrics(counters, probes, lambda: state, lambda: 3), probes)["/metrics"]("").body.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def config() -> Config:
    return parse(CONFIG)


# ---- counting


def test_objects_and_records_are_counted_by_what_became_of_them_and_failed_objects_deliver_none(
    config: Config,
) -> None:
    clock = Clock()
    counters = Counters(config, lambda: config, clock)
    one = Outcome(records=6, delivered=3, filtered=2, quarantined=1, events=4, bytes_in=100)
    for each in (event("json/a"), event("slow/b", "slow"), event("json/c")):
        counters.given(each)
    assert counters.running == 3
    clock.now += 0.3
    counters.succeeded(event("json/a"), one)
    counters.failed(event("slow/b", "slow"), failure(event("slow/b", "slow")), 1, False)
    counters.given(event("slow/b", "slow"))
    clock.now += 1000
    counters.failed(event("slow/b", "slow"), failure(event("slow/b", "slow")), 2, True)
    counters.succeeded(event("json/c"), Outcome(filtered_by="is no log"))
    counters.ended(event("json/d"), "a duplicate")
    found = scraped(counters)
    assert {key: value for key, value in found.items() if key[0] == "slips_objects_total"} == {
        **{("slips_objects_total", "fast", result): 1 for result in ("done", "filtered", "skipped")},
        **{("slips_objects_total", "slow", result): 0 for result in ("done", "filtered", "skipped")},
        **{("slips_objects_total", "fast", "failed"): 0, ("slips_objects_total", "slow", "failed"): 1},
    }
    assert [found["slips_records_total", each] for each in ("delivered", "filtered", "quarantined")] == [3, 2, 1]
    assert (found["slips_events_total",], found["slips_bytes_total",]) == (4, 105)
    assert (found["slips_retries_total", "slow"], found["slips_objects_running",]) == (1, 0)
    assert found["slips_object_seconds_bucket", "fast", "0.25"] == 0
    assert found["slips_object_seconds_bucket", "fast", "0.5"] == 1
    assert found["slips_object_seconds_bucket", "slow", "900.0"] == 1
    assert found["slips_object_seconds_count", "slow"] == 2
    assert found["slips_object_seconds_sum", "slow"] == pytest.approx(1000.3)
    assert found["slips_mapping_objects_total", "my-logs", "json/", "done"] == 1
    assert found["slips_mapping_objects_total", "my-logs", "slow/", "failed"] == 1
    assert found["slips_mapping_records_total", "my-logs", "json/", "delivered"] == 3
    assert found["slips_workers",] == 3


def test_a_failed_object_is_no_longer_at_work_though_its_key_was_found_to_be_another_one(config: Config) -> None:
    counters = Counters(config, lambda: config)
    given = event("json/a%20b")  # as Ceph announces the key, quoted or not
    for final in (False, True):
        counters.given(given)
        counters.failed(given, failure(event("json/a b")), 1, final)
        assert counters.running == 0


def test_labels_are_of_the_config_never_of_keys_and_do_not_grow_without_end(config: Config) -> None:
    counters = Counters(config, lambda: config)
    before = len(scraped(counters))
    for number in range(MOST_NAMES + 100):
        counters.succeeded(object_event(f"other/{number}", bucket_name=f"b{number}"), Outcome())
        counters.arrived(f"source {number}", 2, 1)
    mappings = [Mapping(f"{number}/", ["json"]) for number in range(MOST_NAMES + 100)]
    reloaded = replace(config, bucket_mapping={"my-logs": mappings})
    renamed = Counters(config, lambda: reloaded)
    for number in range(MOST_NAMES + 100):
        renamed.succeeded(event(f"{number}/a"), Outcome())
    assert len(renamed.mappings) == MOST_NAMES + 1
    found = scraped(counters)
    assert len(found) <= before + 5 + 2 * (MOST_NAMES + 1)
    assert found["slips_mapping_objects_total", "(other)", "(other)", "done"] == MOST_NAMES + 100
    assert (found["slips_arrived_total", "(other)"], found["slips_dropped_total", "(other)"]) == (200, 100)


def test_mappings_have_series_from_the_start_so_that_their_first_failure_is_an_increase(config: Config) -> None:
    assert scraped(Counters(config, lambda: config))["slips_mapping_objects_total", "my-logs", "json/", "failed"] == 0


def test_pauses_troubles_and_reloads_are_counted_and_what_ended_is_not_of_now(config: Config) -> None:
    counters = Counters(config, lambda: config)
    for lane in LANES:
        counters.paused(lane, "too many fail")
    counters.paused("slow", "an operator paused it")
    counters.resumed("fast", "a canary succeeded")
    counters.resumed("slow", "a canary succeeded", "an operator paused it")
    for where in ("/logs", "the state"):
        counters.troubled(where, "is away")
    counters.mended("/logs")
    counters.warned("fewer workers")
    counters.reloaded("handler.py")
    counters.not_reloaded("handler.py:1: no class")
    found = scraped(counters)
    assert (found["slips_lane_paused", "fast"], found["slips_lane_paused", "slow"]) == (0, 1)
    assert (found["slips_pauses_total", "fast"], found["slips_pauses_total", "slow"]) == (1, 2)
    assert (counters.paused_now, found["slips_troubles",]) == ({"slow": "an operator paused it"}, 1)
    assert (found["slips_reloads_total", "used"], found["slips_reloads_total", "refused"]) == (1, 1)
    assert found["slips_warnings_total",] == 1


def test_a_scrape_reads_lanes_and_errors_from_the_state_and_goes_on_without_it(config: Config, tmp_path: Path) -> None:
    with closing(MachineState.open(tmp_path / "state")) as state:
        state.stream.put("slow", [event("a", "slow"), event("b", "slow")])
        state.execute("UPDATE lane SET put_at = put_at - 100")
        state.stream.failed_attempt(state.stream.take(1, {})[0])
        for number in range(3):
            state.errors.put(ErrorItem(request_id=f"r{number}", events=[event("a")], kind="object"))
    counters = Counters(config, lambda: config)
    found = scraped(counters, state=read_state(tmp_path / "state"))
    assert (found["slips_lane_waiting", "fast"], found["slips_lane_waiting", "slow"]) == (0, 2)
    assert (found["slips_lane_retrying", "fast"], found["slips_lane_retrying", "slow"]) == (0, 1)
    assert found["slips_lane_oldest_seconds", "slow"] >= 100
    assert (found["slips_errors", "object"], found["slips_errors", "records"]) == (3, 0)
    assert found["slips_state_readable",] == 1
    (tmp_path / "file").touch()
    without = scraped(counters, state=read_state(tmp_path / "file"))
    assert without["slips_state_readable",] == 0
    assert not [name for name, *_ in without if name.startswith(("slips_lane_waiting", "slips_errors"))]


def test_each_declared_metric_is_scraped_with_its_help_and_no_other(config: Config) -> None:
    counters = Counters(config, lambda: config)
    counters.arrived("/logs", 1, 0)
    state = StateGauges([(("fast",), 1)], [(("fast",), 1.0)], [(("object",), 1)], [(("fast",), 1)], True)
    text = pages(Metrics(counters, Probes(), lambda: state), Probes())["/metrics"]("").body.decode()
    helps = dict(line.removeprefix("# HELP ").split(" ", 1) for line in text.splitlines() if line.startswith("# HELP"))
    own = {name: text for name, text in helps.items() if not name.startswith("process_")}
    assert own == {name: each.help for name, each in METRICS.items()}
    labels = {
        (sample.name, label)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label in sample.labels
        if sample.name in METRICS
    }
    assert labels == {
        (name, label) for name, each in METRICS.items() if each.type != "histogram" for label in each.labels
    }
    assert "process_resident_memory_bytes" in helps


def test_openmetrics_is_written_if_the_scraper_asks_for_it(config: Config) -> None:
    answer = pages(Metrics(Counters(config, lambda: config), Probes(), StateGauges), Probes())["/metrics"](
        "application/openmetrics-text; version=1.0.0"
    )
    assert answer.type.startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


# ---- probes


def test_a_service_is_alive_while_its_loop_turns() -> None:
    clock = Clock()
    probes = Probes(clock)
    clock.now += ALIVE_SECONDS
    assert probes.alive() == {"ok": True, "reasons": [], "last_turn_seconds": ALIVE_SECONDS}
    clock.now += 1
    assert probes.alive()["reasons"] == ["the supervisor has not turned for 61 s"]
    probes.looked()
    assert probes.alive()["ok"]


def test_a_service_is_ready_once_it_has_started_while_state_and_sources_can_be_used_until_it_stops() -> None:
    probes = Probes(Clock())
    assert probes.ready() == {"ok": False, "reasons": ["the service is starting"], "warnings": []}
    probes.started(0, 0)
    assert not probes.ready()["ok"], "its handlers are being loaded"
    probes.looked()
    assert probes.ready() == {"ok": True, "reasons": [], "warnings": []}
    probes.troubled("/logs", "No such file or directory")
    assert probes.ready()["reasons"] == ["/logs: No such file or directory"]
    probes.mended("/logs")
    probes.not_reloaded("handler.py:3: no class")
    assert probes.ready() == {"ok": True, "reasons": [], "warnings": ["handler.py:3: no class"]}
    probes.reloading("handler.py")
    warning = "handler.py: still being loaded; the old code is used on meanwhile"
    assert probes.ready() == {"ok": True, "reasons": [], "warnings": [warning]}
    probes.reloaded("handler.py")
    assert probes.ready()["warnings"] == []
    probes.stopping(1, 30)
    assert probes.ready()["reasons"] == ["the service is stopping"]


# ---- the server


@contextmanager
def serving(pages: dict[str, endpoint.Page], request_seconds: float = GUARD) -> Iterator[tuple[str, int]]:
    listening = listen("127.0.0.1:0", "--metrics")
    where = listening.getsockname()[:2]
    server = Endpoint(listening, pages, request_seconds=request_seconds)
    server.start()
    yield where
    server.close()
    with pytest.raises(ConnectionError):
        socket.create_connection(where, GUARD)


PAGES: dict[str, endpoint.Page] = {
    "/metrics": lambda accept: Response(HTTPStatus.OK, f"for {accept}\n".encode()),
    "/healthz": lambda _: endpoint.json_answer({"ok": False, "reasons": ["it hangs"]}),
}


def got(where: tuple[str, int], path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(*where, timeout=GUARD)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), dict(answer.headers)


def sent(where: tuple[str, int], request: bytes) -> bytes:
    """What comes back on a connection until it is closed."""
    with socket.create_connection(where, GUARD) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:  # closed before all was sent
            return b""


def is_closed(connection: socket.socket) -> bool:
    """Wait for what comes next, and return whether it is the end. That is a reset if not all sent bytes were read."""
    with suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def test_pages_are_answered_by_their_path() -> None:
    with serving(PAGES) as where:
        status, body, headers = got(where, "/metrics?x=1", Accept="a/b")
        assert (status, body, headers["Content-Type"]) == (200, "for a/b\n", "text/plain; charset=utf-8")
        status, body, headers = got(where, "/healthz")
        assert (status, json.loads(body), headers["Content-Type"]) == (
            503,
            {"ok": False, "reasons": ["it hangs"]},
            "application/json",
        )
        assert got(where, "/metrics", "HEAD")[:2] == (200, "")
        assert got(where, "/")[:2] == (200, "/metrics\n/healthz\n")
        assert got(where, "/nothing")[:2] == (404, "/metrics\n/healthz\n")
        status, _, headers = got(where, "/metrics", "POST")
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


HOSTILE = {
    "another version": (b"GET / HTTP/2\r\n\r\n", b"400"),
    "TLS": (b"\x16\x03\x01 hello\r\n\r\n", b"400"),
    "no version": (b"GET /metrics\r\n\r\n", b"400"),
    "no end": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"400"),
    "nothing": (b"", b"400"),
    "a long path": (b"GET /" + b"a" * 9_000, b"431"),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000, b"431"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3_000, b"431"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_are_refused_and_the_next_is_answered(name: str) -> None:
    request, status = HOSTILE[name]
    with serving(PAGES) as where:
        # A client that sends more than is read may find its connection reset before it reads the answer.
        assert sent(where, request)[9:12] in ((status,) if len(request) < 9_000 else (status, b""))
        assert got(where, "/metrics")[0] == 200


def test_a_request_without_an_end_is_not_read_on() -> None:
    with serving(PAGES) as where:
        with socket.create_connection(where, GUARD) as endless, pytest.raises(OSError, match=r"reset|pipe"):
            endless.sendall(b"X: y\r\n" * 10_000_000)
        assert got(where, "/metrics")[0] == 200


def test_connections_that_say_nothing_give_way_to_new_ones() -> None:
    with serving(PAGES) as where:
        idle = [socket.create_connection(where, GUARD) for _ in range(endpoint.CONNECTIONS * 2)]
        for each in idle:
            with suppress(ConnectionError):  # the first ones may be closed already
                each.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        assert got(where, "/metrics")[0] == 200
        assert is_closed(idle[0]), "the longest open one was"
        for each in idle:
            each.close()


def test_a_slow_request_is_cut_off() -> None:
    with serving(PAGES, request_seconds=0.05) as where, socket.create_connection(where, GUARD) as slow:
        slow.sendall(b"GET / HT")
        assert is_closed(slow)


def test_a_page_that_hangs_leaves_the_others_answered() -> None:
    import threading

    free = threading.Event()

    def hangs(_: str) -> Response:
        free.wait(GUARD)
        return Response(HTTPStatus.OK, b"late")

    with serving({**PAGES, "/hangs": hangs}) as where, socket.create_connection(where, GUARD) as waiting:
        waiting.sendall(b"GET /hangs HTTP/1.1\r\n\r\n")
        assert got(where, "/metrics")[0] == 200
        free.set()
        assert waiting.recv(12) == b"HTTP/1.1 200"


def test_ipv6_loopback_is_an_address() -> None:
    try:
        listening = listen("[::1]:0", "--metrics")
    except UsageError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with closing(listening):
        assert address_of(listening).startswith("[::1]:")


@pytest.mark.parametrize("address", ["", "x", "127.0.0.1", "127.0.0.1:", ":9464", "::1:9464", "h:99999", "h:-1", "h:²"])
def test_what_is_no_address_is_refused_in_words(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        listen(address, "--metrics")
    assert str(refused.value) == (
        f"--metrics: {address!r} is no address; expected HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464"
    )


def test_a_port_alone_is_on_loopback_and_one_in_use_is_refused() -> None:
    with closing(listen("0", "--metrics")) as listening:
        address = address_of(listening)
        assert address.startswith("127.0.0.1:")
        with pytest.raises(UsageError) as refused:
            listen(address, "--metrics")
        assert str(refused.value) == (
            f"--metrics: {address}: Address already in use; expected a free port; another 'slips up' may have it"
        )
    with pytest.raises(UsageError, match="expected an address of this machine"):
        listen("192.0.2.1:9464", "--metrics")


def test_the_documentation_lists_each_metric_with_its_labels_and_its_help() -> None:
    page = (Path(__file__).parents[1] / "docs" / "service.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `slips_")]
    assert rows == [
        f"| `{name}` | {', '.join(f'`{label}`' for label in each.labels)} | {each.help} |"
        for name, each in METRICS.items()
    ]
