"""Fixtures: one stand-in of AWS for each pytest process, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud.client import Cloud


@pytest.fixture(scope="session")
def cloud_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud.start(tmp_path_factory.mktemp("cloud")) as server:
        yield server


@pytest.fixture
def cloud(cloud_server: Cloud) -> Iterator[Cloud]:
    """An empty account, whatever other tests left there; what a test leaves running is ended."""
    cloud_server.reset()
    yield cloud_server
    cloud_server.reset()
