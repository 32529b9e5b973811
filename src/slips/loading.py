"""Loads the handlers that mappings name, and fills in the secrets of their args: each when it is first needed.

A handler that cannot be used costs its own objects alone. So a mistake is raised whenever its handler is needed, and is
remembered: an import that fails is not repeated for each object.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from slips.config import Config, HandlerSpec
from slips.config import Mapping as MappingOfBucket
from slips.errors import UsageError
from slips.interface import Handler, event_types, load_handlers
from slips.model import HandlerCode, ObjectEvent
from slips.not_logs import NotLog
from slips.parsing.chain import check_event_types
from slips.routing import assigned
from slips.usercode import activate, code_version

Fill = Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]
"""Takes args of the config to a function that returns them with their secrets, for the next object."""
T = TypeVar("T")


class HandlerLoader:
    """The handlers of a config, and their args, in this process."""

    def __init__(
        self,
        config: Config,
        fill: Fill,
        *,
        requirements: str | None = None,
        broken: Mapping[str, str] | None = None,
    ) -> None:
        """Load nothing yet. `requirements`: see `load_handlers`. `broken` has the mistakes of files not to import."""
        self._config, self._fill, self._requirements = config, fill, requirements
        self._broken = broken or {}
        self._loaded = _Remembered[tuple[Path, Sequence[type[Handler]]]]()
        """The path of a handler's file, and its classes."""
        self._args = _Remembered[Callable[[], dict[str, Any]]]()
        self._versions = dict[str, str]()

    def handlers_of(self, spec: HandlerSpec) -> Sequence[type[Handler]]:
        """Return the handlers, ready to run: imports in their functions find the files beside them.

        Raises UsageError if they cannot be used.
        """
        path, classes = self._loaded.get(spec.name, lambda: self._load(spec))
        activate(path)
        return classes

    def args_of(self, spec: HandlerSpec) -> dict[str, Any]:
        """Return the args for the next object, with secrets in place of their placeholders.

        Raises UsageError, never with a secret in it.
        """
        # The config outlives this object, so that no other args get the id.
        return self._args.get(id(spec.args), lambda: self._filled(spec))()

    def load(self, specs: Sequence[HandlerSpec], announce: Callable[[str], None] = lambda _: None) -> list[str]:
        """Load handlers, and fill in their args. Return the mistakes of those that cannot be used, each once.

        `announce` gets the path of each file in the config before the file is imported. Raises UsageError with all
        mistakes if none of the handlers can be used.
        """
        problems: list[str] = []
        for spec in specs:
            if spec.path not in self._broken:
                announce(spec.path)
            try:
                self.handlers_of(spec)
                self.args_of(spec)
            except UsageError as error:
                problems.append(str(error))
        mistakes = list(dict.fromkeys(problems))
        if problems and len(problems) == len(specs):
            raise UsageError("\n".join(mistakes))
        return mistakes

    def load_all(self, announce: Callable[[str], None] = lambda _: None) -> list[str]:
        """Load all handlers of the config, and compare their event types with the formats of their mappings.

        Return the mistakes as `load` does, also those of mappings whose chain cannot serve an event type. Raises
        UsageError with all mistakes if no object of any mapping could be processed.
        """
        problems = self.load(self._config.handlers, announce)
        mapped = [(bucket, one) for bucket, mappings in self._config.bucket_mapping.items() for one in mappings]
        return self._compared(mapped, problems)

    def load_of(self, mapped: Sequence[tuple[str, MappingOfBucket]]) -> list[str]:
        """Load the handlers of some mappings, each given with its bucket, and compare their event types.

        Return the mistakes and raise UsageError as `load_all` does.
        """
        specs: list[HandlerSpec] = []
        for _, mapping in mapped:
            if (spec := self._config.handler_of(mapping)) not in specs:
                specs.append(spec)
        return self._compared(mapped, self.load(specs))

    def _compared(self, mapped: Sequence[tuple[str, MappingOfBucket]], mistakes: Sequence[str]) -> list[str]:
        """Return `mistakes` of handlers, and those of mappings whose chain cannot serve an event type.

        Raises UsageError with all of them if no mapping is right.
        """
        problems, is_any_right = [*mistakes], False
        for bucket, mapping in mapped:
            spec = self._config.handler_of(mapping)
            try:
                classes, _ = self.handlers_of(spec), self.args_of(spec)
            except UsageError:
                continue  # one of `mistakes`
            found = misfits(self._config, bucket, mapping, classes)
            problems += found
            is_any_right = is_any_right or not found
        if problems and not is_any_right:
            raise UsageError("\n".join(problems))
        return problems

    def forget_mistakes(self) -> None:
        """Load a handler again when it is next needed, if it could not be used before."""
        self._loaded.forget_mistakes()
        self._args.forget_mistakes()

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        """Return the name and the version of the handler of an object; both are empty if it has no mapping."""
        mapping = assigned(self._config.bucket_mapping, event)
        if mapping is None or isinstance(mapping, NotLog):
            return HandlerCode()
        spec = self._config.handler_of(mapping)
        return HandlerCode(spec.name, self._version(spec.path))

    def version_of(self, name: str) -> str:
        """Return the version of a handler by its name, as `code_of` does."""
        return self._version(HandlerSpec.of(name, {}).path)

    def _version(self, path: str) -> str:
        if path not in self._versions:
            self._versions[path] = code_version(self._config.resolve(path))
        return self._versions[path]

    def _load(self, spec: HandlerSpec) -> tuple[Path, Sequence[type[Handler]]]:
        if spec.path in self._broken:
            raise UsageError(self._broken[spec.path])
        path = self._config.resolve(spec.path)
        return path, load_handlers(path, self._requirements, spec.class_name)

    def _filled(self, spec: HandlerSpec) -> Callable[[], dict[str, Any]]:
        try:
            return self._fill(spec.args)
        except UsageError as error:
            if spec.args is self._config.handler.args:
                raise
            raise UsageError(f"{spec.name}: {error}") from error.__cause__


def misfits(config: Config, bucket: str, mapping: MappingOfBucket, classes: Sequence[type[Handler]]) -> list[str]:
    """Return the mistakes of handlers whose event types the chain of their mapping cannot serve."""
    if all(one.event_type is None for one in classes):
        return []
    return [
        f"{config.file_name}: {bucket}: {mapping.written or '(all)'}: {problem}"
        for problem in check_event_types(mapping.format, config.root, event_types(classes))
    ]


class _Remembered(Generic[T]):
    """Values that are made when they are first needed, and the mistakes of those that cannot be made."""

    def __init__(self) -> None:
        self._values = dict[Hashable, T]()
        self._mistakes = dict[Hashable, UsageError]()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made once. Raises the UsageError of `make`."""
        if key in self._values:
            return self._values[key]
        if key not in self._mistakes:
            try:
                return self._values.setdefault(key, make())
            except UsageError as error:
                self._mistakes[key] = error
        mistake = self._mistakes[key]
        # A new one: an exception that is raised again gets a longer traceback each time.
        raise UsageError(str(mistake)) from mistake.__cause__

    def forget_mistakes(self) -> None:
        self._mistakes.clear()
