"""The fixture `server`: S3 and SQS of moto in threads of this process, which any client here may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from siege_in_s3 import SECRETS, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in {**SECRETS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with Server() as made:
        yield made
