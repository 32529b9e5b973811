"""Rules about the handlers of a config: each mapping has one, its file exists, and none is there for nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from slips.config.handler import HandlerSpec
from slips.config.problems import Problems, Where, quote, show
from slips.config.values import right_items


def no_file(root: Path, name: str) -> str:
    """Return why a name, relative to `root`, is that of no file; empty if there is one."""
    # `os.path`: the methods of Path raise where they may not look.
    if os.path.isfile(root / name):  # noqa: PTH113
        return ""
    if os.path.isdir(root / name):  # noqa: PTH112
        return f"{name!r} is a directory; expected a file relative to {root}; name one in it"
    return f"no file {name!r}; expected one relative to {root}"


class HandlerRules:
    """Checks the right values of `handler` and of the mappings' handlers against each other."""

    def __init__(
        self,
        problems: Problems,
        data: dict[str, Any],
        root: Path,
        refuse_on_aws: Callable[[Where, str], None],
    ) -> None:
        """`data` are the right values of a file; `refuse_on_aws` reports what AWS would refuse."""
        self._problems, self._root, self._refuse_on_aws = problems, root, refuse_on_aws
        self._handler: dict[str, Any] = data.get("handler", {})
        self._is_wrong = "handler" not in data and ("handler",) in problems.lines
        self._mapping: dict[str, list[Any]] = data.get("bucket_mapping", {})
        self._named = dict(self._paths())
        """The path of each handler that the config names, by its place."""

    def check(self, *, files: bool) -> None:
        """Report every mistake. Without `files`, the files of handlers need not exist."""
        self._check_missing()
        self._check_unused()
        self._check_excluded()
        for where, path in self._named.items():
            if not self._names_class(path):
                self._problems.error(
                    where,
                    f"{show(where)}: {quote(path)} names no class; expected 'path/file.py:Class', or the file alone "
                    "for all its handlers; mend it",
                )
            elif files:
                self._check_file(HandlerSpec.of(path, {}).path, where)

    def _paths(self) -> Iterator[tuple[Where, str]]:
        if "path" in self._handler:
            yield ("handler", "path"), self._handler["path"]
        for where, mapping in self._mappings():
            here = (*where, "handler")
            if "path" in mapping.get("handler", {}):
                yield (*here, "path") if (*here, "path") in self._problems.lines else here, mapping["handler"]["path"]

    def _mappings(self) -> Iterator[tuple[Where, Any]]:
        for bucket, mappings in self._mapping.items():
            for index, mapping in right_items(mappings):
                yield ("bucket_mapping", bucket, index), mapping

    def _check_missing(self) -> None:
        """Report each mapping without a handler if there is no top-level one."""
        lines = self._problems.lines
        if ("handler", "path") in lines or self._is_wrong:
            return
        mappings = [where for where, _ in self._mappings()]
        lacking = [where for where in mappings if (*where, "handler") not in lines]
        if len(lacking) == len(mappings):
            self._problems.error(("handler",), "handler.path is missing; expected text; add it")
            return
        for where in lacking:
            here = (*where, "handler")
            self._problems.error(
                here,
                f"{show(here)} is missing, and no handler.path stands in for it; expected one of them; add it",
            )

    def _check_unused(self) -> None:
        """Report a top-level handler, or args, that no mapping uses."""
        lines = self._problems.lines
        mappings = [(bucket, index) for bucket, found in self._mapping.items() for index in range(len(found))]
        if not mappings or any(("bucket_mapping", *where, "handler") not in lines for where in mappings):
            return
        if "path" in self._handler:
            self._problems.warn(
                ("handler", "path"),
                f"handler.path: {quote(self._handler['path'])} never runs, as each mapping has a handler of its own; "
                "expected a mapping without one; take it away",
            )
        elif self._handler.get("args"):
            self._problems.warn(
                ("handler", "args"),
                "handler.args reach no handler: those of mappings have args of their own, and these are not added; "
                "expected them below the 'handler' of a mapping; move them there",
            )

    def _check_excluded(self) -> None:
        """Report patterns that exclude a handler itself."""
        names = dict.fromkeys(Path(HandlerSpec.of(path, {}).path).name for path in self._named.values())
        for index, pattern in right_items(self._handler.get("exclude", [])):
            if found := [name for name in names if fnmatchcase(name, pattern.removeprefix("./"))]:
                self._problems.error(
                    ("handler", "exclude", index),
                    f"handler.exclude[{index}]: {quote(pattern)} fits the handler, '{found[0]}'; expected patterns of "
                    "other files; narrow it",
                )

    @staticmethod
    def _names_class(path: str) -> bool:
        """Whether a path names a file alone, or a class in it by what may be the name of a class."""
        spec = HandlerSpec.of(path, {})
        return spec.class_name.isidentifier() if spec.class_name is not None else ".py:" not in spec.path

    def _check_file(self, file: str, where: Where) -> None:
        if missing := no_file(self._root, file):
            self._problems.error(where, f"{show(where)}: {missing}")
        elif not Path(os.path.normpath(self._root / file)).is_relative_to(os.path.normpath(self._root)):
            self._refuse_on_aws(
                where,
                f"{show(where)}: {quote(file)} is no part of the package, which has files below {self._root}; "
                "expected a path below it; move it there",
            )
