"""Fixtures of tests on a stack in moto. A test file imports those it uses and those that they need.

It must not load this file as a plugin: another `cloud`, that of the stand-in, is a plugin's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import aws
from projects import Project
from stacks import ON_AWS, REGION, Cloud, template, template_of_2018


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def bare(tmp_path: Path, credentials: None) -> Iterator[Cloud]:
    """AWS without a stack."""
    project = Project(tmp_path)
    project.config(ON_AWS)
    with aws.account(**{"lambda": {"use_docker": False}}):
        yield Cloud(project)


@pytest.fixture
def cloud(bare: Cloud) -> Cloud:
    bare.deploy(template())
    return bare


@pytest.fixture
def cloud_of_2018(bare: Cloud) -> Cloud:
    bare.deploy(template_of_2018())
    return bare
