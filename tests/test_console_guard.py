"""Who has no token gets nothing of the console, and no other site can make a browser act there."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import psutil
import pytest

from consoles import KEYS, URL, Browser, FakeStack, browser_of_stack
from projects import Project
from slips.console import guard
from slips.console.guard import FORM_TOKEN, HEADER_TOKEN
from slips.console.server import names_of, written

pytestmark = pytest.mark.once

GUARD = 300
HANGING = """
import os, pathlib, time
import slips.interface

class Hangs(slips.interface.Handler):
    def recv(self, meta, event):
        started = pathlib.Path(__file__).with_name("begun")
        started.write_text(str(os.getpid()))
        started.rename(started.with_name("started"))
        time.sleep(600)
"""
PATHS = ["/", "/live", "/errors", "/error?id=x", "/plan?act=drain", "/act", "/act/evidence", "/x"]
PATHS += ["/static/console.css"]


@pytest.fixture
def stack() -> FakeStack:
    return FakeStack()


@pytest.fixture
def browser(stack: FakeStack) -> Browser:
    return browser_of_stack(stack)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cookie", [None, "", "guessed", KEYS.token, "\u00e9"])
def test_no_page_and_no_file_answers_without_the_cookie(browser: Browser, path: str, cookie: str | None) -> None:
    browser.client.cookies.clear()
    headers = {} if cookie is None else {"Cookie": f"slips_console={cookie}".encode()}
    answer = browser.client.get(path, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.text) == (403, guard.UNKNOWN)


def test_the_token_in_the_url_becomes_a_cookie_and_leaves_the_url(browser: Browser) -> None:
    browser.client.cookies.clear()
    answer = browser.client.get(f"/errors?token={KEYS.token}&prefix=a%ff%26b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/errors?prefix=a%5Cxff%26b")
    assert answer.headers["set-cookie"] == f"slips_console={KEYS.session}; HttpOnly; Path=/; SameSite=strict"
    assert KEYS.token not in str(answer.headers)
    assert browser.client.get("/").status_code == 200


@pytest.mark.parametrize("token", ["", "guessed", f"{KEYS.token}x", KEYS.session, KEYS.form])
def test_a_wrong_token_is_refused_even_with_the_cookie(browser: Browser, token: str) -> None:
    assert browser.client.get("/", params={"token": token}).status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "//evil.example/%2e%2e"])
def test_the_redirect_that_drops_the_token_leads_nowhere_else(browser: Browser, path: str) -> None:
    answer = browser.client.get(f"{URL}{path}?token={KEYS.token}")
    assert re.match(r"/[^/\\]", answer.headers["location"])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.7:8321",
        "localhost.evil:8321",
        "",
        "[::1].evil.example",
        "[::1]:80.evil.example",
        "localhost:80:evil.example",
        "127.0.0.1:evil",
        "::1",
    ],
)
def test_a_request_for_another_name_is_refused_whatever_it_carries(browser: Browser, host: str) -> None:
    answer = browser.client.get(f"/?token={KEYS.token}", headers={"Host": host})
    assert (answer.status_code, "location" in answer.headers) == (403, False)


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1:9", "127.7.7.7", "[::1]:8321", "[::1]"])
def test_the_names_of_loopback_are_answered_whatever_the_port_of_a_tunnel(browser: Browser, host: str) -> None:
    assert browser.client.get("/act", headers={"Host": host}).status_code == 200


def test_a_console_on_all_interfaces_answers_to_addresses_and_to_no_foreign_name() -> None:
    everywhere = guard.Guard(lambda *_: None, KEYS, hosts=names_of("0.0.0.0"))  # type: ignore[arg-type]
    one = guard.Guard(lambda *_: None, KEYS, hosts=names_of("fe80::7"))  # type: ignore[arg-type]
    assert [each.is_known("10.0.0.7:80") for each in (everywhere, one)] == [True, False]
    assert [each.is_known("[fe80::7]:80") for each in (everywhere, one)] == [True, True]
    assert [each.is_known("evil.example") for each in (everywhere, one)] == [False, False]
    assert [written(host) for host in ("0.0.0.0", "::", "fe80::7", "localhost")] == [
        *("127.0.0.1", "[::1]", "[fe80::7]", "localhost"),
    ]


FOREIGN = [
    ({"Origin": "https://evil.example"}, KEYS.form),
    ({"Origin": "null"}, KEYS.form),
    ({"Origin": "http://127.0.0.1:8322"}, KEYS.form),
    ({"Origin": "https://localhost:8321"}, KEYS.form),
    ({"Sec-Fetch-Site": "cross-site"}, KEYS.form),
    ({"Sec-Fetch-Site": "same-site"}, KEYS.form),
    ({"Origin": URL}, ""),
    ({"Origin": URL}, "guessed"),
    ({"Origin": URL}, KEYS.token),
    ({}, ""),
]


@pytest.mark.parametrize(("headers", "token"), FOREIGN)
@pytest.mark.parametrize("path", ["/acts", "/again"])
def test_a_form_of_another_site_does_nothing(
    browser: Browser, stack: FakeStack, path: str, headers: dict[str, str], token: str
) -> None:
    answer = browser.client.post(path, data={"act": "drain", FORM_TOKEN: token}, headers=headers)
    assert (answer.status_code, stack.requests, browser.console.acts.last) == (403, [], None)


def test_a_form_of_our_own_page_and_a_request_of_our_script_pass(browser: Browser) -> None:
    form = browser.post("/acts", act="drain")
    browser.console.acts.wait(GUARD)
    with_tls = {HEADER_TOKEN: KEYS.form, "Origin": URL.replace("http:", "https:"), "Sec-Fetch-Site": "same-origin"}
    script = browser.client.post("/acts?", content="act=drain", headers=with_tls)
    assert (form.status_code, script.status_code) == (303, 303)


def test_a_get_never_acts(browser: Browser, stack: FakeStack) -> None:
    for path in ("/acts?act=drain", "/again?id=x"):
        assert browser.client.get(path).status_code == 405
    assert stack.requests == []


def test_a_body_without_end_is_not_read_to_its_end(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_BYTES", 100)
    answer = browser.client.post("/acts", content=iter([b"x" * 60] * 10), headers={HEADER_TOKEN: KEYS.form})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/x", "/static/htmx.min.js", f"/?token={KEYS.token}", "/?token=x"])
def test_each_answer_forbids_foreign_scripts_frames_and_caches(browser: Browser, path: str) -> None:
    headers = browser.client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {value for name, value in policy.items() if name not in ("base-uri", "frame-ancestors")} <= {
        *("'none'", "'self'")
    }
    assert (policy["frame-ancestors"], headers["x-frame-options"]) == ("'none'", "DENY")
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_no_template_has_what_the_policy_forbids() -> None:
    templates = Path(guard.__file__).parent / "templates"
    for path in templates.iterdir():
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:|https?://", text), path


# ---- the command


@pytest.mark.slow
def test_the_command_prints_its_url_serves_and_ends_with_0_on_either_signal(project: Project) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        process = project.start("console", "--port", "0")
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.fullmatch(r"slips: console of test: (http://127\.0\.0\.1:\d+/\?token=[\w-]{43})\n", line)
            assert found, line + process.stderr.read()
            with build_opener(HTTPCookieProcessor()).open(found[1], timeout=GUARD) as answer:
                assert "token" not in answer.url
                assert "Nothing fails" in answer.read().decode()
        finally:
            process.send_signal(number)
            out, err = process.communicate(timeout=GUARD)
        assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.slow
def test_a_handler_that_runs_again_does_not_keep_the_console_from_ending(project: Project) -> None:
    project.handler(HANGING)
    project.put("json/a", {"n": 1})
    project.fail("r1", "json/a")
    process = project.start("console", "--port", "0")
    assert process.stderr is not None
    found = re.search(r"(http://[^/]+)(/\S+)", process.stderr.readline())
    assert found
    opener = build_opener(HTTPCookieProcessor())
    with opener.open(found[1] + found[2], timeout=GUARD) as answer:
        form = re.search(r'name="form-token" content="([^"]+)"', answer.read().decode())
    assert form
    asked = Request(f"{found[1]}/again", data=urlencode({FORM_TOKEN: form[1], "id": "r1"}).encode())

    def ask() -> None:
        with suppress(OSError, HTTPException):
            opener.open(asked, timeout=GUARD).close()

    threading.Thread(target=ask, daemon=True).start()
    started = project.root / "started"
    end = time.monotonic() + GUARD
    while not started.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=GUARD)
    assert (process.returncode, out) == (0, ""), err
    assert not psutil.pid_exists(int(started.read_text()))


def test_a_port_that_is_in_use_is_told_in_a_line(project: Project) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = project.slips("console", "--port", str(taken.getsockname()[1]))
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "cannot listen there: Address already in use; expected a free port" in done.err


@pytest.mark.slow
def test_the_missing_extra_is_told_in_a_line(project: Project) -> None:
    hidden = "import sys; sys.modules['starlette'] = None; from slips.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "console"], cwd=project.root, capture_output=True, text=True, timeout=GUARD
    )
    assert done.returncode == 2
    assert done.stderr == (
        "slips: console: starlette is not installed; expected the extra 'console'; "
        "run pip install '.[console]' in the checkout of slips\n"
    )
