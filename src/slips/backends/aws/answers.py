"""Reads what AWS, or a proxy on the way, answered to a call that failed: its code, its message, the reason. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_PAGE = re.compile(r"<(!doctype html|html)\b.*", re.IGNORECASE | re.DOTALL)
_LINE_END = r"\n"


def reason(error: ClientError | BotoCoreError) -> str:
    """Return the reason of an error, for people: AWS's code and message, or the cause that kept AWS from answering."""
    response: dict[str, Any] = getattr(error, "response", {}) or {}
    answer = response.get("Error", {})
    if "Code" not in answer:
        return str(error)
    return f"{answer['Code']}: {answer.get('Message') or error}"


def code(error: ClientError) -> str:
    """Return AWS's code of an error: `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """Return the message of AWS. If a proxy answered with a page of HTML instead, return the page's title."""
    return without_page(str(error.response.get("Error", {}).get("Message", "") or error)).rstrip(".")


def without_page(text: str) -> str:
    """Replace a page of HTML in a text by its title."""
    page = _PAGE.search(text)
    if page is None:
        return text
    title = re.search(r"<title>(.*?)</title>", page[0], re.IGNORECASE | re.DOTALL)
    # The text may be the `repr` of bytes, in which a line end is two characters.
    named = f", '{' '.join(title[1].replace(_LINE_END, ' ').split())}'" if title else ""
    before = " ".join(text[: page.start()].removesuffix("b'").split()).rstrip(":")
    return f"{before}: a page of HTML{named}" if before else f"a page of HTML{named}"
