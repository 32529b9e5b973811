"""The part of a declaration that all families share."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, ClassVar

from slips.entities import EntityPaths
from slips.format import Event, Format, FormatOptions, Kind, Limited, Parse, PerObject, RecordLimits, Rule, a_key
from slips.parsing.compile import parse_of, when_called
from slips.parsing.meaning import Meaning, Refine, Require, Template, Time, check_rule, value_at
from slips.parsing.writer import Writer, value_in
from slips.paths import IN_LIST
from slips.step import Step, name_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


_NAMES = (
    "absent",
    "integers",
    "floats",
    "booleans",
    "boolean_words",
    "vendors",
    "documents",
    "columns",
    "header",
    "headings",
    "optional",
    "spared",
    "also_in",
    "quotes",
    "rest",
    "escaped",
)
"""The parts of all families that are names or characters, one or several."""


class DeclarationOptions(FormatOptions, frozen=True):
    """The options of every declared format that requires fields."""

    require: Annotated[
        bool,
        a_key(
            "Whether to quarantine records that have none of the fields by which the format is known.",
            False,
        ),
    ] = True


@dataclass(frozen=True, kw_only=True)
class Declaration(Format, ABC):
    """A format as its author declares it. Raises ValueError for a mistake."""

    name: str = field(kw_only=False)
    summary: str = field(kw_only=False)
    reference: str = field(kw_only=False, default="")
    """The vendor's documentation of the format."""
    tag: str = ""
    """The tag, with fields in braces: `aws.cloudtrail.{eventType}`; see `Template`. Without one it is the name."""
    time: Time | None = None
    """The fields of the time and their notation: `iso("eventTime")`. Without one it is the object's event time."""
    message: str = ""
    """The message, with fields in braces; see `Template`."""
    require: Require | str | None = None
    """The fields that a record of this format has: `any_of("eventType", "eventName")`. Others are quarantined."""
    absent: str | tuple[str, ...] = ()
    """Texts that stand for no value, such as `-`."""
    rules: tuple[Rule, ...] = ()
    """Rules that filter records on purpose, each with its condition `when`; the first that holds counts."""
    adds: str = ""
    """The field of the event to which the message is written, too."""
    carries: str = ""
    """For headers, such as syslog's: the field with the text of another product, which a parser of texts behind them
    reads. Their other fields are the meta's `header` then."""
    refine: Refine | None = field(default=None, compare=False)
    """A function `(meta, event)` for what no declaration can say. It is called last; see `Refine`."""
    chain: tuple[Step, ...] = field(default=(), hash=False)
    """The usual chain, if it is not the family's. A step may have options: `{"csv": {"delimiter": ";"}}`."""

    absent_stays: ClassVar[bool] = False
    """Whether events keep `absent` texts, which then count as missing. Otherwise `write` replaces them by None."""
    has_lists: ClassVar[bool] = False
    """Whether events of the family may have lists of objects, whose fields a message may name."""
    takes: Kind = field(init=False, default="text")
    gives: Kind = field(init=False, default="event")
    parse: Parse = field(init=False, compare=False, repr=False)
    options: type[FormatOptions] | None = field(init=False, default=DeclarationOptions)
    meaning: Meaning = field(init=False, compare=False, repr=False)
    _entity_paths: EntityPaths | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(f"format {self.name!r}: name is no word; expected letters, digits, '-', '_' and '.'")
        try:
            self._check_lists()
            object.__setattr__(self, "rules", tuple(dict.fromkeys((*self.own_rules(), *self.rules))))
            if not isinstance(self.summary, str) or not self.summary.strip():
                raise ValueError("summary is empty; expected a line that says which logs these are")
            self.check()
            meaning = self._meaning()
            self._check_paths(meaning)
            paths = EntityPaths.of(self.entities, self.all_fields(), self.places(), self.absent_texts)
        except ValueError as error:
            raise ValueError(f"format {self.name!r}: {error}") from None
        set_ = object.__setattr__
        set_(self, "meaning", meaning)
        set_(self, "_entity_paths", paths)
        set_(self, "tag", self.tag or self.name)
        set_(self, "chain", self.chain or self.usual_chain())
        if self.options is DeclarationOptions and self.require is None:
            set_(self, "options", None)
        set_(self, "parse", Limited(self._parse))

    def _parse(self, limits: RecordLimits) -> Parse:
        if self.is_per_object:
            return parse_of(self, limits)
        return when_called(lambda: parse_of(self, limits))

    def _check_lists(self) -> None:
        """Raise ValueError for names, `rules` or a `chain` of a wrong kind, as one in brackets without a comma is."""
        for name in _NAMES:
            value = getattr(self, name, "")
            if not isinstance(value, str) and not _has_only(str, value):
                raise ValueError(f"{name} is {value!r:.60}; expected a text, or a tuple of texts")
        for name, kind, example in (
            ("rules", Rule, "(Rule(…),)"),
            ("chain", str | dict, f"('s3-lines', {self.name!r})"),
        ):
            values = getattr(self, name)
            if not _has_only(kind, values):
                raise ValueError(f"{name} is {values!r:.60}; expected a tuple such as {example}")
        if self.chain and self.chain[-1] != self.name and ".py:" not in name_of(self.chain[-1]):
            raise ValueError(
                f"chain ends with {self.chain[-1]!r}; expected {self.name!r}, the format itself, at the end"
            )

    def _meaning(self) -> Meaning:
        """Return the common parts, checked. Raises ValueError."""
        for name, kind, expected in (
            ("time", Time, "iso('field'), epoch('field') or another notation"),
            ("require", Require | str, "a field, any_of('field', …) or all_of('field', …)"),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise ValueError(f"{name} is {value!r}; expected {expected}")
        if not isinstance(self.carries, str):
            raise ValueError(f"carries is {self.carries!r}; expected the field with the text, such as 'message'")
        if self.refine is not None and not callable(self.refine):
            raise ValueError(f"refine is {self.refine!r}; expected a function of meta and event")
        if self.refine is not None and not _takes_two(self.refine):
            raise ValueError("refine takes other arguments; expected a function of two: refine(meta, event)")
        if self.adds and not self.message:
            raise ValueError(f"adds is {self.adds!r}, and there is no message to add; expected 'message', too")
        for rule in self.rules:
            if check_rule(rule).when is None and self.refine is None and rule not in self.own_rules():
                raise ValueError(f"rule {rule.name!r} has no condition; expected Rule(…, when={{'field': value}})")
        return Meaning(
            tag=Template(self.tag or self.name),
            time=self.time,
            message=Template(self.message) if self.message else None,
            one_line=any(name_of(step) == "multiline" for step in self.chain),
            folded=self.may_have_line_ends() and not self.adds,
            require=Require(True, (self.require,)) if isinstance(self.require, str) else self.require,
            absent=self.absent_texts if self.absent_stays else (),
            rules=tuple(self.rules),
            adds=self.adds,
            refine=self.refine,
        )

    def _check_paths(self, meaning: Meaning) -> None:
        for part, path in meaning.paths:
            if IN_LIST in path and not (part == "message" and self.has_lists):
                raise ValueError(
                    f"{part}: {path!r} names the values in a list; expected a field with one value; "
                    "only the message of a format of JSON may name those in a list"
                )
        known = self.known()
        if known is None:
            return
        for part, path in [*meaning.paths, *([("carries", self.carries)] if self.carries else [])]:
            if path not in known:
                raise ValueError(f"{part}: no field {path!r}; expected one of {', '.join(sorted(known))}")

    @property
    def is_per_object(self) -> bool:
        """Whether a Parse of it remembers something of an object's records, so that each object has its own."""
        return getattr(self, "remembers", False) or isinstance(self.refine, PerObject)

    def all_fields(self) -> Set[str] | None:
        """Return the fields that events can have behind `adds` and `refine`; None if these are not known."""
        known = None if self.refine is not None else self.known()
        return None if known is None else {*known, *([self.adds] if self.adds and isinstance(self.adds, str) else ())}

    @property
    def entity_paths(self) -> EntityPaths | None:
        return self._entity_paths

    @property
    def absent_texts(self) -> tuple[str, ...]:
        return (self.absent,) if isinstance(self.absent, str) else tuple(self.absent)

    def check(self) -> None:
        """Raise ValueError for a mistake in the fields of the family."""

    def may_have_line_ends(self) -> bool:
        """Whether values may have line ends: those of a text of one line have none, unless it escapes them."""
        return self.takes == "event"

    def known(self) -> Set[str] | None:
        """Return the names of all fields that events can have; None if these are not declared."""
        return None

    def places(self) -> tuple[str, ...]:
        """Return the fields with objects in them, whose fields count where the event itself has none."""
        return ()

    def own_rules(self) -> tuple[Rule, ...]:
        """Return the rules of the family, to which `write` may bind `event`. They stand before those of the author."""
        return ()

    def usual_chain(self) -> tuple[Step, ...]:
        return ("s3-lines", self.name) if self.takes == "text" else ("s3-lines", "json", self.name)

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write statements that bind `event` from `value`, or raise RecordError."""

    def value_of(self, path: str, writer: Writer) -> str:
        """Return an expression for the value at `path` of the event."""
        return writer.fields.get(path) or value_in(path, writer)

    def look(self, event: Event, path: str) -> Any:
        """Return the value at `path` of an event, the slow way; None for an `absent` text, too."""
        value = value_at(event, path)
        return None if value in self.meaning.absent else value

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format as the options of a config want it."""
        if isinstance(options, DeclarationOptions) and not options.require:
            return replace(self, require=None)
        return self


def _has_only(kind: type | UnionType, values: object) -> bool:
    return isinstance(values, tuple | list) and all(isinstance(each, kind) for each in values)


def _takes_two(function: Callable[..., object]) -> bool:
    """Whether a function can be called with two arguments, as far as can be told."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # one written in C, without a signature
        return True
    return True
