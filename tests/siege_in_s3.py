"""A siege of a service whose bucket is in S3: moto, behind a door that answers 500 when a test says so."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from siege import BUCKET, CONFIG, DRIVER, GUARD, Object, Siege

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
    """Moto in threads of this process, with the fault that it answers nothing but 500."""

    def __init__(self) -> None:
        self.is_broken = False
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
        answered: Iterable[bytes] = self._app(environ, start_response)
        return answered


class SiegeInS3(Siege):
    """A siege whose objects are in S3, found by listing, or by a queue that S3 notifies."""

    def __init__(self, root: Path, server: Server, seed: int = 0, *, by_queue: bool = False) -> None:
        super().__init__(root, seed)
        self.server, self.by_queue = server, by_queue
        self._s3, self._sqs = server.client("s3"), server.client("sqs")
        self._etags: dict[str, str] = {}
        # What the test itself does is not in its own way.
        self._s3.meta.events.register("before-sign.s3", lambda request, **_: request.headers.add_header("X-Siege", "1"))
        self._s3.create_bucket(Bucket=BUCKET)
        about = f"s3: {BUCKET}, endpoint_url: '{server.url}', region: us-east-1"
        if by_queue:
            created = self._sqs.create_queue(QueueName="siege")["QueueUrl"]
            self._queue = f"{server.url}/{'/'.join(created.rsplit('/', 2)[1:])}"
            about += f", poll: 0, sqs: '{self._queue}'"
            arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
            notified = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            self._s3.put_bucket_notification_configuration(
                Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [notified]}
            )
        else:
            about += ", poll: 1s"
        (root / "slips.yml").write_text(CONFIG.replace(f"{BUCKET}: logs", f"{BUCKET}: {{{about}}}"))
        (root / "driver.py").write_text(DRIVER.replace("from slips.__main__", f"{IN_S3}from slips.__main__"))

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **SECRETS}

    def put(self, key: str, count: int = 20, *, nap: float = 0.0, pieces: int = 1) -> Object:
        self._versions += 1
        new = self.objects[key] = Object(key, self._versions, count, nap)
        self._etags[key] = self._s3.put_object(Bucket=BUCKET, Key=key, Body=new.body())["ETag"].strip('"')
        return new

    def remove(self, key: str) -> None:
        self._s3.delete_object(Bucket=BUCKET, Key=key)
        del self.objects[key]

    def announce(self, key: str) -> None:
        """Send the notification of an object once more, without its etag, as some senders do."""
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}},
        }
        self._sqs.send_message(QueueUrl=self._queue, MessageBody=json.dumps({"Records": [record]}))

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Let S3 and SQS answer nothing but 500 meanwhile."""
        self.server.is_broken = True
        yield
        self.server.is_broken = False

    def _hash(self, key: str) -> str:
        return self._etags[key]
