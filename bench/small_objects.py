"""Many small objects in S3: CPU of the client, and time in all, beside boto3's plain `get_object`, one at a time.

The server is a process of its own that answers each request after LATENCY. `python bench/small_objects.py NAME URL
COUNT` runs one client, and prints its cost as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slips.backends.aws.clients import Clients
from slips.backends.aws.s3 import S3Store
from slips.model import ObjectEvent

SIZE = 1_024
ETAG = "fba9dede5f27731c9771645a39863328"
LATENCY = 0.015
BATCH = 100
"""Objects of one invocation."""
ANSWER = (
    b"HTTP/1.1 200 OK\r\nx-amz-id-2: 9WVkCBTvLbpnaqZzDV2cjFZ5iXgY1TsJT5GmGP6NhyfcAlLrbhvJAzfD0xQF6gbJ+8y3kY1bN4E=\r\n"
    b"x-amz-request-id: 0A49CE4060975EAC\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n"
    b'Last-Modified: Mon, 23 Nov 2026 09:00:00 GMT\r\nETag: "%s"\r\n'
    b"x-amz-server-side-encryption: AES256\r\nAccept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n"
    b"Content-Length: %d\r\nServer: AmazonS3\r\n\r\n%s" % (ETAG.encode(), SIZE, b"x" * SIZE)
)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIABENCH", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}


class Answers(asyncio.Protocol):
    """Answers each request of a connection with one and the same object."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._asked = transport, b""

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            _, _, self._asked = self._asked.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(LATENCY, self._transport.write, ANSWER)


async def serve() -> None:
    """Print the port, and answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


Reads = Callable[[list[ObjectEvent]], int]
"""Reads objects, and returns the number of their bytes."""


def boto3_alone(url: str) -> Reads:
    import boto3

    client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)

    def read(event: ObjectEvent) -> int:
        return len(client.get_object(Bucket=event.bucket_name, Key=event.object_key)["Body"].read())

    return lambda events: sum(map(read, events))


def slips_alone(url: str) -> Reads:
    store = _store(url)
    return lambda events: sum(_read(store, event) for event in events)


def slips_ahead(url: str) -> Reads:
    store = _store(url)

    def read(events: list[ObjectEvent]) -> int:
        size = 0
        for first in range(0, len(events), BATCH):
            store.expect(events[first : first + BATCH])
            size += sum(_read(store, event) for event in events[first : first + BATCH])
            store.expect(())
        return size

    return read


CLIENTS: dict[str, Callable[[str], Reads]] = {"boto3": boto3_alone, "slips": slips_alone, "ahead": slips_ahead}


def _store(url: str) -> S3Store:
    clients = Clients("us-east-1", url)
    return S3Store(clients.s3, clients.shortcut)


def _read(store: S3Store, event: ObjectEvent) -> int:
    with store.open(event) as stored:
        return sum(map(len, iter(lambda: stored.body.read(128 * 1024), b"")))


def cost(name: str, url: str, count: int) -> dict[str, float]:
    """Microseconds of CPU, and in all, for each object. The client is made before, and has read one."""
    events = [
        ObjectEvent(
            bucket_name="bench", object_key=f"logs/2026/11/23/{number}.json", object_size=SIZE, object_etag=ETAG
        )
        for number in range(count)
    ]
    read = CLIENTS[name](url)
    read(events[:1])
    begun, cpu = time.perf_counter(), time.process_time()
    assert read(events) == count * SIZE
    cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
    return {"cpu": cpu / count * 1e6, "wall": wall / count * 1e6}


@contextmanager
def _server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def report(objects: int, repeats: int) -> None:
    """Print least costs of clients that run by turns; those that read one at a time read a tenth of the objects."""
    least: dict[str, dict[str, float]] = {}
    with _server() as url:
        for _ in range(repeats):
            for name in CLIENTS:
                count = objects if name == "ahead" else objects // 10
                command = [sys.executable, __file__, name, url, str(count)]
                done = subprocess.run(
                    command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=True
                )
                now = json.loads(done.stdout)
                before = least.setdefault(name, now)
                least[name] = {what: min(before[what], now[what]) for what in now}
    plain, one, ahead = (least[name] for name in CLIENTS)
    print(f"small objects, {LATENCY * 1000:.0f} ms       {'CPU µs':>10}{'× boto3':>9}{'wall µs':>10}{'× boto3':>9}")
    for label, found in (("boto3, one at a time", plain), ("slips, one at a time", one), ("slips, a batch", ahead)):
        print(
            f"  {label:24}{found['cpu']:10.0f}{plain['cpu'] / found['cpu']:9.1f}"
            f"{found['wall']:10.0f}{plain['wall'] / found['wall']:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case [name, url, count]:
            print(json.dumps(cost(name, url, int(count))))
        case _:
            report(10_000, 3)
