"""Secrets in `handler.args`: `{{ssm:/path}}` or `{{secretsmanager:id:key}}`, resolved where the handler runs.

A package, a log or an error item only ever holds the placeholder. Pure: the caller passes the function that asks AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct

_PLACEHOLDER = re.compile(r"\{\{\s*(ssm|secretsmanager)\s*:\s*([^{}*?]+?)\s*\}\}")
_NEARLY = re.compile(r"\{\{\s*(ssm|secretsmanager)\b", re.IGNORECASE)
_SINGLE = re.compile(r"\s*\$?\{\s*(ssm|secretsmanager)\s*:[^{}]*\}\s*")
_OTHER = re.compile(r"\{\{\s*([A-Za-z][A-Za-z _-]*?)\s*[:/]")
_OTHER_KEYS = ("env", "file")
"""Placeholders of secrets of this machine, which only the `secret` of a bucket's `webhook` may be."""
_ONE = re.compile(r"\s*\$?\{+\s*([A-Za-z][A-Za-z _-]*?)\s*(:|(?=/))([^{}]*)\}+\s*")
"""A text that may become a right placeholder: groups are the service and the name of the secret."""
_PARAMETER = re.compile(r"(arn:[^:]+:ssm:[^:]+:[^:]+:parameter)?[A-Za-z0-9_./-]+(:[A-Za-z0-9_.-]+)?")
"""https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
A version or a label may follow the name."""
_SERVICES = ("ssm", "secretsmanager")
_ARN_PARTS = 7
"""`arn:aws:secretsmanager:region:account:secret:name`; the key follows."""

_PARAMETER_PART = 5
"""`arn:aws:ssm:region:account:parameter/name`; a selector of the version follows."""


class Reference(Struct, frozen=True):
    """A parameter or a secret that a placeholder names."""

    service: Literal["ssm", "secretsmanager"]
    id: str
    """Name or ARN of the parameter or the secret."""
    key: str | None = None
    """Key of a secret that is a JSON object, whose value is meant; None: the whole text."""

    @classmethod
    def of(cls, text: str) -> Reference | None:
        """Return the reference in `text`; None if it is a plain text and no placeholder."""
        match = _PLACEHOLDER.fullmatch(text.strip())
        if match is None:
            return None
        if match[1] == "ssm":
            return cls("ssm", match[2])
        parts = match[2].split(":")
        name_ends = _ARN_PARTS if parts[0] == "arn" else 1
        return cls("secretsmanager", ":".join(parts[:name_ends]), ":".join(parts[name_ends:]) or None)


def parameter(id: str) -> str:
    """Name of the parameter that a name or an ARN refers to, without a `/` in front and a selector (`:3`) behind."""
    name = id.split(":")[_PARAMETER_PART].removeprefix("parameter") if id.startswith("arn:") else id.partition(":")[0]
    return name.removeprefix("/")


def mistake(text: str) -> str:
    """Return the mistake in a text that is nearly a placeholder; empty for a right one, and for any other text.

    Nearly means: with text around it, without an id, with a wildcard, of a misspelt service, or of no parameter's name.
    """
    reference = Reference.of(text)
    if reference is not None and reference.service == "ssm" and not _PARAMETER.fullmatch(reference.id):
        return (
            "names no parameter; expected letters, digits, '.', '-', '_' and '/' behind the first ':', then "
            "perhaps ':' and one version or label; mend it"
        )
    others = (match[1] for match in _OTHER.finditer(text))
    if reference or not (_NEARLY.search(text) or _SINGLE.fullmatch(text) or any(map(_service, others))):
        return ""
    mended = _mended(text)
    hint = f"did you mean '{mended}'?" if mended else "put the text around it together in the handler"
    return (
        "would reach the handler as it is; expected a placeholder alone, '{{ssm:/path}}' or "
        f"'{{{{secretsmanager:id:key}}}}'; {hint}"
    )


def doubt(text: str) -> str:
    """Return why a text that is no `mistake` is perhaps not what the user means; empty if nothing in it says so.

    It has a placeholder of other keys, or nearly one, which the handler gets as it is.
    """
    words = (match[1].strip().lower() for match in _OTHER.finditer(text))
    meant = next((near for word in words if (near := _nearest(word, _OTHER_KEYS))), "")
    if not meant or mistake(text):
        return ""
    hint = "let the handler read 'os.environ'" if meant == "env" else "let the handler read the file"
    return (
        f"reaches the handler as it is: '{{{{{meant}:…}}}}' is only for the secret of a bucket's webhook; expected "
        f"'{{{{ssm:/path}}}}' or '{{{{secretsmanager:id:key}}}}' for a secret; else {hint}"
    )


def _mended(text: str) -> str:
    """Return the placeholder that the user meant; empty if the text does not show it."""
    match = _ONE.fullmatch(text)
    service = _service(match[1]) if match else ""
    if not match or not service:
        return ""
    wanted = match[3].strip() if service == "ssm" else match[3].strip().removeprefix("/")
    meant = f"{{{{{service}:{wanted}}}}}"
    return "" if Reference.of(meant) is None or mistake(meant) else meant


def _service(word: str) -> str:
    """Return the service that a word such as `SSM` or `secretmanager` resembles; empty if it resembles none."""
    return _nearest(re.sub("[^a-z]", "", word.lower()), _SERVICES)


def _nearest(letters: str, known: Sequence[str]) -> str:
    """Return the known word that is nearly `letters`; empty if none is."""
    import difflib  # not at the start of a function on AWS, where names are right

    return next(iter(difflib.get_close_matches(letters, known, n=1, cutoff=0.8)), "")


def references(value: Any) -> Iterator[Reference]:
    """Yield each reference in `handler.args`, however deep."""
    if isinstance(value, str):
        if (reference := Reference.of(value)) is not None:
            yield reference
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolve(value: Any, fetch: Callable[[Reference], Any]) -> Any:
    """Return a copy of `value` in which `fetch` has replaced each placeholder by its secret."""
    if isinstance(value, str):
        reference = Reference.of(value)
        return value if reference is None else fetch(reference)
    if isinstance(value, dict):
        return {key: resolve(each, fetch) for key, each in value.items()}
    if isinstance(value, list):
        return [resolve(each, fetch) for each in value]
    return value
