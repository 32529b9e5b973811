"""Security events of Akamai's SIEM integration."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote

from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, epoch

PAGE = Rule(
    "page",
    "the last line of an answer of the API: where the next one begins",
    when=lambda event: "attackData" not in event,
)
_PARTS = {
    "rules": "rule",
    "ruleVersions": "version",
    "ruleMessages": "message",
    "ruleTags": "tag",
    "ruleData": "data",
    "ruleSelectors": "selector",
    "ruleActions": "action",
}
"""Lists of what the rules say, which Akamai writes each as one text, and their names in one rule."""


def _texts(value: Any) -> list[str]:
    """Decode a list: Base64 of each text, semicolons between, and URL encoding of all. A text that was cut off, and is
    no Base64 any more, stays as it is."""
    return [_text(each) for each in unquote(value).split(";")] if isinstance(value, str) and value else []


def _text(encoded: str) -> str:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return encoded


def _take_rules(_meta: MetaData, event: Event) -> None:
    """Add `rules`: a list with the parts of each rule that a request met."""
    attack = event.get("attackData")
    if not isinstance(attack, dict):
        return
    lists = {name: _texts(attack.get(part)) for part, name in _PARTS.items()}
    event["rules"] = [
        {name: texts[at] for name, texts in lists.items() if at < len(texts) and texts[at]}
        for at in range(max(map(len, lists.values())))
    ]


AKAMAI_SIEM = Json(
    "akamai-siem",
    "Akamai SIEM integration: requests that met rules of App & API Protector, with the rules decoded",
    "https://techdocs.akamai.com/siem-integration/reference/get-configid",
    require=any_of(all_of("attackData", "httpMessage"), all_of("total", "offset", "limit")),
    time=epoch("httpMessage.start"),
    tag="akamai.siem",
    message=(
        "{httpMessage.status|'-'} {httpMessage.method|'-'} {httpMessage.host|'-'}{httpMessage.path|''} from "
        "{attackData.clientIP|'-'} by policy {attackData.policyId|'-'}"
    ),
    rules=(PAGE,),
    refine=_take_rules,
    integers="""httpMessage.bytes httpMessage.port httpMessage.status botData.botScore botData.responseSegment
        userRiskData.score geo.asn""",
    floats="httpMessage.start",
    entities={"addresses": "attackData.clientIP", "domains": "httpMessage.host"},
)
