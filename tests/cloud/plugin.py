"""Fixtures: one stand-in of AWS for each pytest process, empty for each test. Tests that use it are marked `cloud`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud.client import Cloud


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "cloud_server" in item.fixturenames:
            item.add_marker("cloud")


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
