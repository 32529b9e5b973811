"""Headless Chromium, driven over its DevTools protocol: opens pages, types keys, runs scripts, takes pictures."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

GUARD = 300.0
"""Seconds after which a browser that does not answer fails its test."""
BINARY = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(BINARY is None, reason="Debian's package chromium is not installed")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars"),
    *("--disable-dev-shm-usage", "--force-color-profile=srgb", "--remote-debugging-port=0"),
)
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


class Page:
    """One page of a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0
        self.messages: list[str] = []
        """The log of the page: errors of scripts, and refusals by its content security policy."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and wait for its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(GUARD))
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        match message:
            case {"method": "Log.entryAdded", "params": {"entry": entry}}:
                self.messages.append(f"{entry['source']}: {entry['text']} ({entry.get('url', '')})")
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.messages.append(json.dumps(details))

    def run(self, script: str) -> Any:
        """Return the value of a script, or of the promise that it makes."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until a script is true."""
        end = time.monotonic() + GUARD
        while not self.run(script):
            assert time.monotonic() < end, f"{script} never came true: {self.run('document.body.innerText')}"
            time.sleep(0.02)

    def open(self, url: str) -> Self:
        """Open a URL, and wait until it is loaded."""
        self.run("window.before = true")
        self.call("Page.navigate", url=url)
        self.until("!window.before && document.readyState === 'complete'")
        return self

    def look(self, *, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
        """Set the size of the window, and whether the person prefers light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"Enter": "\r", " ": " "}.get(key)
        about = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def picture(self, *, full: bool = True) -> bytes:
        """Return a PNG of the page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        return base64.b64decode(shot["data"])


@contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """Start a browser with an empty profile, and end it."""
    assert BINARY is not None
    process = subprocess.Popen(
        [BINARY, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_address(profile, process), max_size=None, open_timeout=GUARD) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(GUARD)


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the first page, once the browser has written where it listens."""
    from urllib.request import urlopen

    port = profile / "DevToolsActivePort"
    end = time.monotonic() + GUARD
    while not port.exists() or len(port.read_text().splitlines()) < 2:
        assert process.poll() is None, "chromium has ended"
        assert time.monotonic() < end, "chromium does not start"
        time.sleep(0.05)
    number = port.read_text().splitlines()[0]
    while True:
        with urlopen(f"http://127.0.0.1:{number}/json/list", timeout=GUARD) as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < end, "chromium opens no page"
        time.sleep(0.05)
