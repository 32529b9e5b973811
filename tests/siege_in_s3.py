"""A siege of a service whose bucket is in S3: moto, behind a door that answers 500 when a test says so.

The service finds objects by listing, by a queue that S3 notifies, or by notifications by HTTP, as Ceph and MinIO send
them: until they are acknowledged.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from ports import free_port
from siege import BUCKET, CONFIG, DRIVER, GUARD, Object, Siege

Way = Literal["listing", "queue", "webhook"]
"""How the service finds objects."""
SECRETS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
# A message that a dead service had received comes again soon.
IN_S3 = """\
from slips.service import custody, queue

custody.FIRST_SECONDS = custody.FURTHER_SECONDS = queue.FIRST_SECONDS = 3
"""


class Quiet(WSGIRequestHandler):
    """Answers without a log."""

    def log_request(self, *_: object) -> None:
        """Nothing."""


class Server:
    """Moto in threads of this process, with the faults that it answers nothing but 500, or refuses listings."""

    def __init__(self) -> None:
        self.is_broken = False
        self.refused: dict[str, tuple[str, str]] = {}
        """The status and the code of the answer to requests with a text in their query."""
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=GUARD
        ).close()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self.is_broken and environ.get("HTTP_X_SIEGE") is None and "/moto-api" not in environ["PATH_INFO"]:
            body = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
            start_response("500 Internal Server Error", [("Content-Length", str(len(body)))])
            return [body]
        for text, (status, code) in self.refused.items():
            if text in environ["QUERY_STRING"]:
                body = f"<Error><Code>{code}</Code><Message>Refused by a test.</Message></Error>".encode()
                start_response(status, [("Content-Length", str(len(body)))])
                return [body]
        answered: Iterable[bytes] = self._app(environ, start_response)
        return answered


class SiegeInS3(Siege):
    """A siege whose objects are in S3."""

    def __init__(self, root: Path, server: Server, seed: int = 0, way: Way = "listing") -> None:
        super().__init__(root, seed)
        self.server, self.way = server, way
        self._s3, self._sqs = server.client("s3"), server.client("sqs")
        self._etags: dict[str, str] = {}
        self._announced: list[dict[str, str]] = []
        """The objects in all notifications that were sent, as they are named in these."""
        # What the test itself does is not in its own way.
        self._s3.meta.events.register("before-sign.s3", lambda request, **_: request.headers.add_header("X-Siege", "1"))
        self._s3.create_bucket(Bucket=BUCKET)
        about = f"s3: {BUCKET}, endpoint_url: '{server.url}', region: us-east-1, {self._found()}"
        (root / "slips.yml").write_text(CONFIG.replace(f"{BUCKET}: logs", f"{BUCKET}: {{{about}}}"))
        (root / "driver.py").write_text(DRIVER.replace("from slips.__main__", f"{IN_S3}from slips.__main__"))

    def _found(self) -> str:
        """Return what the config says about the way in which objects are found."""
        match self.way:
            case "listing":
                return "poll: 1s"
            case "webhook":
                self._hook = f"127.0.0.1:{free_port()}"
                return f"poll: 0, webhook: {{listen: '{self._hook}'}}"
        created = self._sqs.create_queue(QueueName="siege")["QueueUrl"]
        self._queue = f"{self.server.url}/{'/'.join(created.rsplit('/', 2)[1:])}"
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        notified = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
        self._s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [notified]}
        )
        return f"poll: 0, sqs: '{self._queue}'"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **SECRETS}

    def put(self, key: str, count: int = 20, *, nap: float = 0.0, pieces: int = 1) -> Object:
        self._versions += 1
        new = self.objects[key] = Object(key, self._versions, count, nap)
        self._etags[key] = self._s3.put_object(Bucket=BUCKET, Key=key, Body=new.body())["ETag"].strip('"')
        self._announced.append({"key": key, "eTag": self._etags[key]})
        if self.way == "webhook":
            self._send(self._announced[-1])
        return new

    def remove(self, key: str) -> None:
        self._s3.delete_object(Bucket=BUCKET, Key=key)
        del self.objects[key]

    def announce_again(self) -> None:
        """Send any notification once more, late and out of order; sometimes without an etag, as some senders do."""
        if self.way == "listing" or not self._announced:
            return
        again = dict(self.random.choice(self._announced))
        if self.random.random() < 0.5:
            del again["eTag"]
        self._send(again)

    def hear_again(self) -> None:
        """Send notifications once more of what is done: nothing runs again, and no message stays in the queue."""
        before = self.seen()
        for _ in range(10):
            self.announce_again()
        if self.way == "queue":
            self.until(lambda: self._messages() == 0, "messages stay in the queue")
        self.until(lambda: not self.unfinished(), "what is done waits again")
        assert self.seen() == before, self.account("what is done was run again")

    def _messages(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _send(self, about: dict[str, str]) -> None:
        """Send a notification, until somebody has taken it."""
        record = {
            "eventSource": "aws:s3" if self.way == "queue" else "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": about},
        }
        body = json.dumps({"Records": [record]})
        if self.way == "queue":
            self._sqs.send_message(QueueUrl=self._queue, MessageBody=body)
            return
        end = time.monotonic() + GUARD
        while True:
            try:
                urllib.request.urlopen(f"http://{self._hook}/", body.encode(), timeout=GUARD).close()
                return
            except (OSError, urllib.error.HTTPError):  # it is dead, or its state cannot be written: senders try again
                assert time.monotonic() < end, self.account("no notification is taken")
                time.sleep(0.05)

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Let S3 and SQS answer nothing but 500 meanwhile."""
        self.server.is_broken = True
        yield
        self.server.is_broken = False

    def _hash(self, key: str) -> str:
        return self._etags[key]
