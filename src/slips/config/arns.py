"""ARNs of a config that cannot be real: the checks warn of them, `deploy` refuses them."""

from __future__ import annotations

import re
from typing import Any

from msgspec import inspect

from slips.config.declared import every_text
from slips.config.schema import Config
from slips.rights import fill_in, is_placeholder_pattern


def placeholder_arns(config: Config) -> list[str]:
    """ARNs that cannot be real, such as `arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event`, each once."""
    texts = every_text(config, inspect.type_info(Config))
    return list(dict.fromkeys(text for text, notes in texts if is_placeholder(text, notes)))


def is_placeholder(text: str, notes: dict[str, Any]) -> bool:
    """Whether a key declared with `notes` takes an ARN, and `text` cannot be a real one.

    Such an ARN has no real partition, region or account, or a gap to fill: `<name>`, or `*` where no pattern may be.
    """
    if "resource" in notes:
        return is_placeholder_pattern(text)
    region, name = "([a-z]{2}(-[a-z]+)+-[0-9])?", r"[^<>{}*\s]+"
    own = rf"[a-z0-9-]+:{region}:[0-9]{{12}}:{name}"
    return "arn" in notes and not re.fullmatch(rf"arn:aws[a-z-]*:({own}|iam::aws:policy/{name})", fill_in(text))
