"""The main func with a handler for each mapping: each loads when it is first needed, and fails alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aws
from invoked import Context, Stack, payload_of, sent, stack
from slips import lambdas
from slips.config import Mapping, MappingHandler
from slips.errors import UnfinishedError
from slips.model import ObjectEvent

__all__ = ["stack"]

ALB = """
import slips.interface

class Alb(slips.interface.Handler):
    def setup(self, args): self.args = args
    def recv(self, meta, event): ...
    def result(self): return {"args": sorted(self.args), "secret": len(self.args.get("secret", ""))}
"""


@pytest.fixture
def several(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """Objects below `azure/` have the default handler; those below `alb/` and `vpc/` have one of their own."""
    before = list(sys.path)
    names = {name: f"{name}_{os.urandom(4).hex()}" for name in ("alb", "vpc")}
    secret = {"secret": "{{ssm:/its/own}}"}
    stack.package(
        mappings=[
            Mapping("azure/", ["s3-lines", "json"]),
            Mapping("alb/", ["s3-lines", "json"], handler=MappingHandler(f"{names['alb']}.py", {"index": "alb"})),
            Mapping("vpc/", ["s3-lines", "json"], handler=MappingHandler(f"{names['vpc']}.py:Alb", secret)),
        ]
    )
    for name in names.values():
        (tmp_path / f"{name}.py").write_text(ALB)
    yield stack
    sys.path[:] = before


def file_of(prefix: str) -> Path:
    """The file of the handler of a prefix."""
    config = lambdas._site.config
    (spec,) = (config.handler_of(one) for one in config.bucket_mapping["example-logs"] if one.prefix == prefix)
    return config.resolve(spec.path)


def results_of(stack: Stack, event: ObjectEvent) -> Any:
    entry = stack.ledger.get(event)
    assert entry is not None
    assert entry.outcome is not None
    return entry.outcome.results


def give_up(stack: Stack, *events: ObjectEvent) -> None:
    """Let the reporter conclude the invocation, as AWS does after its last attempt."""
    lost = sent("on-failure-main.json")
    lost["requestPayload"] = payload_of(*events)
    lost["requestContext"]["requestId"] = "r1"
    lost["responsePayload"]["errorType"] = "UnfinishedError"
    stack.call(lambdas.reporter, lost)


def test_only_the_handler_of_the_object_is_imported_and_only_its_secrets_are_read(several: Stack) -> None:
    event = several.put("alb/x", {"n": 1})
    aws.client("ssm").delete_parameter(Name="/my/key")
    assert several.call(lambdas.main_func, payload_of(event))["succeeded"] == 1
    assert results_of(several, event) == {"Alb": {"args": ["index"], "secret": 0}}
    assert (file_of("alb/").stem in sys.modules, file_of("vpc/").stem in sys.modules) == (True, False)


def test_each_handler_has_secrets_of_its_own(several: Stack) -> None:
    aws.client("ssm").put_parameter(Name="/its/own", Value="1234", Type="SecureString")
    azure, vpc = several.put("azure/x", {"n": 1}), several.put("vpc/x", {"n": 1})
    assert several.call(lambdas.main_func, payload_of(azure, vpc))["succeeded"] == 2
    assert results_of(several, azure) == {"Count": {"seen": 1, "secret": 6}}
    assert results_of(several, vpc) == {"Alb": {"args": ["secret"], "secret": 4}}


def test_a_broken_handler_and_a_secret_that_is_gone_fail_their_own_objects_alone(several: Stack) -> None:
    file_of("alb/").write_text("import no_such_module_\n")
    alb, azure, vpc = (several.put(f"{name}/x", {"n": 1}) for name in ("alb", "azure", "vpc"))
    with pytest.raises(UnfinishedError, match="2 of 3 object events"):
        several.call(lambdas.main_func, payload_of(alb, azure, vpc))
    assert results_of(several, azure) == {"Count": {"seen": 1, "secret": 6}}
    give_up(several, alb, azure, vpc)
    items = {item.events[0].object_key: item for item in several.items}
    assert {key: (item.stage, item.error_type) for key, item in items.items()} == {
        "alb/x": ("worker", "UsageError"),
        "vpc/x": ("worker", "UsageError"),
    }
    assert f"{file_of('alb/')}:1: importing the handler raised ModuleNotFoundError" in items["alb/x"].message
    assert f"{file_of('vpc/').name}:Alb: handler.args: {{{{ssm:/its/own}}}}: no such" in items["vpc/x"].message
    assert [items[f"{name}/x"].handler for name in ("alb", "vpc")] == [
        file_of("alb/").name,
        f"{file_of('vpc/').name}:Alb",
    ]
    assert len({item.code_version for item in items.values()} - {""}) == 2
    assert "1234" not in json.dumps(several.said)


def test_a_handler_that_clears_the_environment_costs_other_objects_nothing(several: Stack) -> None:
    clear = 'import os\nfor each in [name for name in os.environ if name.startswith("SLIPS_")]: del os.environ[each]\n'
    file_of("alb/").write_text(clear + ALB)
    alb, azure = several.put("alb/x", {"n": 1}), several.put("azure/x", {"n": 1})
    assert several.call(lambdas.main_func, payload_of(alb, azure))["succeeded"] == 2


@pytest.mark.parametrize(
    "attribute", ["__class__", "__traceback__", "__str__", "__cause__", "__context__", "__notes__", "args", "name"]
)
def test_an_import_that_raises_an_odd_exception_fails_its_own_objects_alone(several: Stack, attribute: str) -> None:
    odd = f"class Odd(ImportError):\n    @property\n    def {attribute}(self): raise RuntimeError\n\nraise Odd\n"
    file_of("alb/").write_text(odd)
    alb, azure = several.put("alb/x", {"n": 1}), several.put("azure/x", {"n": 1})
    with pytest.raises(UnfinishedError, match="1 of 2 object events") as told:
        several.call(lambdas.main_func, payload_of(alb, azure))
    assert f"{file_of('alb/')}:" in str(told.value)
    assert ": importing the handler raised " in str(told.value)
    assert "bug of slips" not in str(told.value)
    assert set(results_of(several, azure)) == {"Count"}


def test_the_next_invocation_tries_a_broken_handler_again(several: Stack) -> None:
    path = file_of("alb/")
    path.write_text("1 / 0\n")
    event = several.put("alb/x", {"n": 1})
    with pytest.raises(UnfinishedError, match="ZeroDivisionError"):
        several.call(lambdas.main_func, payload_of(event))
    path.write_text(ALB)
    assert several.call(lambdas.main_func, payload_of(event), Context("r1"))["succeeded"] == 1
