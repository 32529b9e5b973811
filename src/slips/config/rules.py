"""Rules between the keys of a config: names that must fit each other, files that must exist, rules never reached.

The declaration cannot say these; whatever concerns one key alone belongs there.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slips.config.arns import strangers
from slips.config.bucket_rules import BucketRules
from slips.config.handler_rules import HandlerRules, no_file
from slips.config.key_rules import KeyRules
from slips.config.notes import Home
from slips.config.policies import mistakes
from slips.config.problems import Problems, Where, quote, show
from slips.config.values import INVALID, right_items
from slips.parsing.chain import doubts_of_chain, lacks_of_chain
from slips.step import Step, name_of, options_of
from slips.zones import zone_of

CheckChain = Callable[[Sequence[Step], Path], list[str]]
"""`(steps, directory of the config file)` to texts of mistakes: `chain.check_chain`."""
RESERVED = {
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME"),
    *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
}
"""Variables that Lambda sets itself, and refuses in a config."""


class Rules:
    """Checks the right values of a file, those without wrong ones, against each other."""

    def __init__(
        self,
        problems: Problems,
        data: dict[str, Any],
        arns: dict[Where, tuple[str, Home]],
        root: Path,
        check_chain: CheckChain,
    ) -> None:
        self._problems, self._arns, self._root, self._check_chain = problems, arns, root, check_chain
        self._handler: dict[str, Any] = data.get("handler", {})
        self._backend: dict[str, Any] = data.get("backend", {})
        self._mapping: dict[str, list[Any]] = data.get("bucket_mapping", {})
        self._routing: list[Any] = data.get("routing", [])
        self._tags: dict[str, Any] = data.get("tags", {})
        self._handlers = HandlerRules(problems, data, root, self._refuse_on_aws)

    def check(self, *, files: bool) -> None:
        """Report every mistake. Without `files`, the files that the config names need not exist."""
        self._check_handler()
        self._handlers.check(files=files)
        self._check_rights()
        self._check_tags()
        self._check_sources()
        self._check_buckets()
        self._check_streams()
        self._check_homes()
        BucketRules(self._problems, (self._backend.get("embedded") or {}).get("buckets", {})).check()
        KeyRules(self._problems, self._routing, self._mapping, self._backend).check()
        for bucket, mappings in self._mapping.items():
            self._check_mappings(bucket, mappings)
        if files:
            self._check_files()

    def _check_handler(self) -> None:
        """Report half of a network, and variables that Lambda sets."""
        groups, subnets = (bool(self._handler.get(name)) for name in ("security_group_ids", "subnet_ids"))
        if groups != subnets:
            given, missing = ("security_group_ids", "subnet_ids") if groups else ("subnet_ids", "security_group_ids")
            self._problems.error(
                ("handler", given), f"handler.{given} without handler.{missing}; expected both or none; add it"
            )
        for name in self._handler.get("environment", {}):
            if name in RESERVED:
                self._refuse_on_aws(
                    ("handler", "environment", name),
                    f"handler.environment.{name} is Lambda's own; expected another name; rename it",
                )

    def _check_rights(self) -> None:
        """Report mistakes in the handler's policies and layers."""
        here = ("handler", "policies")
        lines = self._problems.lines
        policies = [
            (index, policy, {str(where[3]) for where in lines if where[:3] == (*here, index) and where[3:]})
            for index, policy in right_items(self._handler.get("policies", []))
        ]
        for where, text, level in mistakes([(index, one, keys or {*one}) for index, one, keys in policies]):
            report = self._problems.error if level == "error" else self._problems.warn
            report((*here, *where), f"{show((*here, *where))}: {text}")
        if policies and ("handler", "role_arn") in lines:
            self._problems.error(
                here,
                "handler.policies beside handler.role_arn; expected one of them, as 'deploy' changes no role that "
                "it has not made; give that role these rights yourself, or take handler.role_arn away",
            )
        layers: dict[str, int] = {}
        for index, layer in right_items(self._handler.get("layers", [])):
            self._once("layer", layer.rpartition(":")[0], layers, ("handler", "layers", index))

    def _check_tags(self) -> None:
        """Report tags that IAM would refuse."""
        keys: dict[str, str] = {}
        for key, value in self._tags.items():
            # Roles tell keys apart by their letters, not by their case.
            if (first := keys.setdefault(key.lower(), key)) != key:
                self._problems.error(
                    ("tags", key),
                    f"tags: {key!r} is {first!r} to IAM; expected keys that differ in more than case; rename it",
                )
            for character in dict.fromkeys(f"{key}{'' if value is INVALID else value}"):
                # Patterns know no classes of Unicode, neither Python's nor those of a JSON Schema.
                if not character.isascii() and unicodedata.category(character)[0] not in "LNZ":
                    self._problems.error(
                        ("tags", key),
                        f"tags.{key}: {character!r} is no letter; expected only letters, digits, blanks and "
                        "'_.:/=+-@', as IAM takes in tags of roles; take it away",
                    )

    def _check_sources(self) -> None:
        """Report names that two sources share, and a config without any source of logs."""
        names: dict[str, int] = {}
        for key in ("sns_topics", "sqs_queues"):
            for index, source in right_items(self._backend.get(key, [])):
                self._once("name", source.get("name"), names, ("backend", key, index, "name"))
        sources = ("embedded", "sns_topics", "sqs_queues", "eventbridge", "s3_direct")
        if not any(("backend", key) in self._problems.lines for key in sources):
            self._problems.warn(
                ("backend",),
                "no log can arrive; expected backend.sns_topics, sqs_queues, eventbridge or s3_direct (AWS), or "
                "backend.embedded (this machine); add one",
            )

    def _check_buckets(self) -> None:
        """Report buckets of this machine without a mapping, and mapped ones without a directory."""
        given = ("backend", "embedded", "buckets")
        if "embedded" not in self._backend or (
            given in self._problems.lines and "buckets" not in self._backend["embedded"]
        ):
            return
        import difflib  # not at the start of a function on AWS

        here, unmapped = ("backend", "embedded", "buckets"), list[str]()
        for bucket in self._backend["embedded"].get("buckets", {}):
            if ("bucket_mapping", bucket) not in self._problems.lines:
                unmapped.append(bucket)
                self._problems.warn(
                    (*here, bucket), f"bucket {bucket!r} has no mapping; expected one in bucket_mapping; add it"
                )
        for bucket in self._mapping:
            if (*here, bucket) not in self._problems.lines:
                close = difflib.get_close_matches(bucket, unmapped, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "expected one in backend.embedded.buckets"
                self._problems.warn(
                    ("bucket_mapping", bucket), f"bucket {bucket!r} has no directory on this machine; {hint}"
                )

    def _check_streams(self) -> None:
        """Report two lanes with the same stream, and settings of streams that `deploy` does not make."""
        fast, slow = (("backend", f"kinesis_stream_{lane}_arn") for lane in ("fast", "slow"))
        given = [self._backend.get(key) for _, key in (fast, slow)]
        if None in given:
            return
        if given[0] == given[1]:
            self._problems.error(
                slow,
                f"{show(slow)}: the same stream as {show(fast)} on line {self._problems.line(fast)}, whose events both "
                "lanes would dispatch; expected a stream for each lane; name another, or let 'deploy' make it",
            )
        for key in ("stream_shards", "stream_retention_hours"):
            if key in self._backend:
                self._problems.warn(
                    ("backend", key),
                    f"backend.{key} changes nothing: both streams are given, which 'deploy' does not change; expected "
                    "it without them; take it away",
                )

    def _check_homes(self) -> None:
        """Report ARNs of another partition, region or account than those before: the stack has one of each."""
        for one in strangers(self._arns):
            arn, _ = self._arns[one.where]
            of = "" if one.part == "region" else f"{one.part} "
            self._refuse_on_aws(
                one.where,
                f"{show(one.where)}: {quote(arn)} is of {of}{one.value}, but {show(one.other)} on line "
                f"{self._problems.line(one.other)} of {of}{one.expected}; expected one {one.part}, that of the stack; "
                "name another",
            )

    def _check_mappings(self, bucket: str, mappings: list[Any]) -> None:
        """Report prefixes that a bucket has twice, and chains that do not fit together."""
        prefixes: dict[str, int] = {}
        has_handlers = any("handler" in mapping for _, mapping in right_items(mappings))
        hint = "; to run two handlers on one prefix, define both in one file" if has_handlers else ""
        for index, mapping in right_items(mappings):
            here = ("bucket_mapping", bucket, index)
            if "prefix" in mapping:
                self._once("prefix", mapping["prefix"], prefixes, (*here, "prefix"), hint)
            steps = mapping.get("format", [])
            if steps and INVALID not in steps:
                problems = self._check_chain(steps, self._root)
                for problem in problems:
                    self._problems.error((*here, "format", *_place_in(steps, problem)), problem)
                doubts = [] if problems else doubts_of_chain(steps, self._root)
                if not problems and "embedded" in self._backend:  # 'deploy' installs it for the functions
                    doubts += lacks_of_chain(steps, self._root)
                for doubt in doubts:
                    self._problems.warn((*here, "format", *_place_in(steps, doubt)), doubt)
            if isinstance(zone := mapping.get("timezone"), str):
                try:
                    zone_of(zone)
                except ValueError as error:
                    where = (*here, "timezone")
                    self._problems.error(where, f"{show(where)}: {str(error).removeprefix('timezone ')}")

    def _check_files(self) -> None:
        """Report files and directories that are named and do not exist."""
        # `os.path`: the methods of Path raise where they may not look.
        name = self._handler.get("requirements")
        if name is not None and (missing := no_file(self._root, name)):
            self._problems.error(("handler", "requirements"), f"handler.requirements: {missing}")
        for bucket, name in (self._backend.get("embedded") or {}).get("buckets", {}).items():
            if isinstance(name, str) and name.startswith("s3://"):
                bucket_in_s3, _, prefix = name.removeprefix("s3://").partition("/")
                form = f"{{s3: {bucket_in_s3}, prefix: {prefix}}}" if prefix else f"{{s3: {bucket_in_s3}}}"
                self._problems.error(
                    ("backend", "embedded", "buckets", bucket),
                    f"backend.embedded.buckets.{bucket}: {name!r} is an address in S3; expected a directory, or a "
                    f"mapping for a bucket in S3; write {form}",
                )
            elif isinstance(name, str) and os.path.isfile(self._root / name):  # noqa: PTH113
                self._problems.warn(
                    ("backend", "embedded", "buckets", bucket),
                    f"backend.embedded.buckets.{bucket}: {name!r} is a file; expected the directory of the logs, "
                    f"relative to {self._root}; name that",
                )
            elif isinstance(name, str) and not os.path.isdir(self._root / name):  # noqa: PTH112
                # Only who runs objects on this machine needs it, not who deploys or looks at a stack.
                self._problems.warn(
                    ("backend", "embedded", "buckets", bucket),
                    f"backend.embedded.buckets.{bucket}: no directory {name!r}; expected one relative to {self._root}; "
                    "create it",
                )

    def _refuse_on_aws(self, where: Where, message: str) -> None:
        """Report a value that AWS would refuse: only a warning if the config is for this machine, too."""
        if "embedded" in self._backend:
            self._problems.warn(where, f"{message}; 'deploy' will refuse it")
        else:
            self._problems.error(where, message)

    def _once(self, key: str, value: str | None, seen: dict[str, int], where: Where, hint: str = "") -> None:
        """Report a value that is in `seen`, which has the line of each value."""
        if value is None:
            return
        if value in seen:
            self._problems.error(
                where, f"{key} {value!r} is there twice, first on line {seen[value]}; expected it once{hint}"
            )
        seen.setdefault(value, self._problems.line(where))


def _place_in(steps: Sequence[Step], problem: str) -> Where:
    """Return the index of the step that a mistake in a chain names first, and the option that it names, if it does."""
    names = [repr(name_of(step)) for step in steps]
    quoted = [(problem.find(name), index) for index, name in enumerate(names) if name in problem]
    if not quoted:
        return ()
    index = min(quoted)[1]
    mistake = problem.partition(f"{names[index]}: ")[2]
    option = next((each for each in options_of(steps[index]) if mistake.startswith((f"{each}: ", f"{each} "))), None)
    return (index,) if option is None else (index, name_of(steps[index]), option)
