"""A real S3 server for tests: Ceph's radosgw with its monitor, manager and one storage daemon, all in memory.

Debian's packages radosgw, ceph-mon, ceph-mgr and ceph-osd have it. Everything listens on 127.0.0.1, on free ports,
keeps its files in one directory and ends with the fixture. It starts in about 15 s.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from ports import free_port

PROGRAMS = "ceph ceph-authtool ceph-mgr ceph-mon ceph-osd monmaptool radosgw radosgw-admin setpriv".split()
WITH_US = ["setpriv", "--pdeathsig", "KILL"]
"""A daemon ends with the tests, however they end."""
ACCESS_KEY, SECRET_KEY = "AKIATESTING", "testing"
READY_SECONDS = 300

SETTINGS = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
run dir = {root}
log file = {root}/$name.log
admin socket = {root}/$name.asok
pid file = {root}/$name.pid
keyring = {root}/keyring
setuser match path =
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon warn on pool no redundancy = false
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 0
[mon.a]
mon data = {root}/mon
[osd.0]
osd data = {root}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[mgr.x]
mgr data = {root}/mgr
mgr initial modules =
[client.rgw.x]
rgw frontends = beast endpoint=127.0.0.1:{http}
rgw data = {root}/rgw
rgw enable usage log = false
rgw dns name =
rgw crypt require ssl = false
"""


class Radosgw:
    """A running server. `root` is an empty directory with a short path: sockets lie in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.url = ""

    def start(self) -> None:
        """Raises RuntimeError that says which step failed, with the end of its log."""
        fsid, (mon_v2, mon_v1, http) = str(uuid4()), (free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{http}"
        for name in ("mon", "osd", "mgr", "rgw"):
            (self._root / name).mkdir()
        (self._root / "ceph.conf").write_text(
            SETTINGS.format(fsid=fsid, root=self._root, mon_v2=mon_v2, mon_v1=mon_v1, http=http)
        )
        self._keys()
        addresses = f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, "monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap", "--keyring", "keyring")
        self._daemon("ceph-mon", "-i", "a")
        self._until("the monitor", lambda: self._ceph("-s").returncode == 0)
        for name in ("osd.0", "mgr.x", "client.rgw.x"):
            self._run("ceph", "auth", "import", "-i", f"{name}.keyring")
        osd = str(uuid4())
        self._run("ceph", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("ceph-osd", "-i", "0")
        self._until("the storage daemon", lambda: b"1 up" in self._ceph("osd", "stat").stdout)
        self._daemon("ceph-mgr", "-i", "x")
        self._daemon("radosgw", "-n", "client.rgw.x")
        self._until("radosgw", self._answers)
        self._run(
            *("radosgw-admin", "user", "create", "--uid=testing", "--display-name=testing"),
            *(f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"),
        )

    def stop(self) -> None:
        """Ends every process that was started. What they keep is in memory: nothing has to be saved."""
        for daemon in reversed(self._daemons):
            daemon.kill()
            daemon.wait()

    def client(self, service: str = "s3") -> Any:
        """A client of `service`: S3, or SNS, which is how radosgw is told of topics."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def new_bucket(self, name: str) -> Any:
        """An S3 client, and the bucket `name`, empty and without versions, whatever it was before."""
        client = self.client()
        if name in {each["Name"] for each in client.list_buckets()["Buckets"]}:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
                held = page.get("Versions", []) + page.get("DeleteMarkers", [])
                if gone := [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in held]:
                    client.delete_objects(Bucket=name, Delete={"Objects": gone, "Quiet": True})
            client.delete_bucket(Bucket=name)
        client.create_bucket(Bucket=name)
        return client

    def _keys(self) -> None:
        """One keyring for the monitor and the administrator, and one for each other daemon."""
        may: dict[str, dict[str, str]] = {
            "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
            "client.rgw.x": {"mon": "allow rwx", "osd": "allow rwx"},
            "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
            "mgr.x": {"mon": "allow profile mgr", "osd": "allow *"},
        }
        self._run("ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, caps in may.items():
            allowed = [word for service, what in caps.items() for word in ("--cap", service, what)]
            own = f"{name}.keyring"
            self._run("ceph-authtool", "--create-keyring", own, "--gen-key", "-n", name, *allowed)
            self._run("ceph-authtool", "keyring", "--import-keyring", own)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _ceph(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = ["ceph", "--connect-timeout", "5", *arguments]
        return subprocess.run(command, cwd=self._root, env=self._environment, capture_output=True, timeout=30)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=self._root, env=self._environment, capture_output=True, timeout=READY_SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _daemon(self, *command: str) -> None:
        with (self._root / f"{command[0]}.out").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    [*WITH_US, *command, "-f"], cwd=self._root, env=self._environment, stdout=log, stderr=log
                )
            )

    def _until(self, what: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_SECONDS
        while not ready():
            dead = [daemon for daemon in self._daemons if daemon.poll() is not None]
            if dead or time.monotonic() > until:
                logs = "\n".join(
                    f"{path.name}: {path.read_text(errors='replace')[-1000:]}" for path in self._root.glob("*.out")
                )
                raise RuntimeError(f"{what} did not start: {[daemon.args for daemon in dead] or 'time is up'}\n{logs}")
            time.sleep(0.1)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self._root / "ceph.conf")}


@pytest.fixture(scope="session")
def radosgw() -> Iterator[Radosgw]:
    """One server for all tests of a session."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"no {', '.join(missing)}: install radosgw ceph-mon ceph-mgr ceph-osd")
    # Not pytest's directory: the path of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="rgw") as root:
        server = Radosgw(Path(root))
        try:
            server.start()
            yield server
        finally:
            server.stop()
