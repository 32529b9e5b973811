"""Places: which of a stack and this machine is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import CONFIG, Project
from slips.config import Config, load, parse
from slips.model import LANES
from slips.place import Place, stack_of
from stack_fixtures import bare, cloud, credentials
from stacks import ON_AWS, Cloud

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


def no_config() -> Config:
    raise AssertionError("a stack is opened by its name alone")


@pytest.mark.parametrize(
    ("text", "on_aws", "stack"), [(CONFIG, False, None), (CONFIG, True, "test"), (ON_AWS, False, "test")]
)
def test_a_config_means_this_machine_if_it_has_an_embedded_backend_and_aws_is_not_asked_for(
    text: str, on_aws: bool, stack: str | None
) -> None:
    assert stack_of(parse(text), on_aws=on_aws) == stack


def test_a_stack_is_operated_by_its_name_alone(cloud: Cloud) -> None:
    with Place("test").operations(no_config) as operations:
        assert (operations.kind, operations.name, operations.has_twin) == ("stack", "test", False)


def test_the_operations_and_the_site_of_a_place_are_of_the_same_backend(cloud: Cloud) -> None:
    project = cloud.project
    project.config(CONFIG)
    config = load(project.root / "slips.yml")
    for place, kind in ((Place(None), "machine"), (Place("test"), "stack")):
        with place.site(config) as (site, operations):
            assert (operations.kind, site.is_atomic, list(site.streams)) == (kind, kind == "machine", list(LANES))
            cloud.project.fail("here")
            assert [each.request_id for each in site.errors.scan()] == (["here"] if kind == "machine" else [])
            assert site.errors.get("here") == operations.errors.get("here")


def test_a_machine_of_a_config_that_is_of_a_stack_too_has_a_twin(project: Project, tmp_path: Path) -> None:
    config = load(project.root / "slips.yml")
    with Place(None).operations(lambda: config) as operations:
        assert not operations.has_twin
    project.config(f"base: {{sam: {{code_bucket: code}}}}\n{CONFIG}")
    twin = load(project.root / "slips.yml")
    with Place(None).operations(lambda: twin) as operations:
        assert operations.has_twin
