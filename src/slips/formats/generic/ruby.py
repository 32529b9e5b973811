"""Lines of Ruby's Logger, as any program in Ruby writes them."""

from __future__ import annotations

from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns, iso

LINE = (
    r"(?P<severity_code>[A-Z]), \[(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?) #(?P<pid>\d+)\] +"
    r"(?P<severity>[A-Z]+) -- (?P<program>[^:\n]*): ?(?P<message>.*)"
)
CREATED = r"# Logfile created on (?P<created>[^\n]+) by logger\.rb[^\n]*"
NO_ENTRY = Rule("created", "the line that says when Ruby's Logger made the file", when=lambda event: "created" in event)


def _take_module(meta: MetaData, event: Event) -> None:
    """Read the name of a class within its module, which has colons, as the program's."""
    if event["message"].startswith(":"):
        name, found, text = event["message"].partition(": ")
        if found and " " not in name:
            event |= {"program": f"{event['program']}:{name}", "message": text}
            meta.message = f"{event['severity']} {' '.join(text.split())}"


RUBY_LOGGER = Patterns(
    "ruby-logger",
    "lines of programs in Ruby, as its Logger writes them, with the backtraces below them",
    "https://ruby-doc.org/current/stdlibs/logger/Logger.html",
    chain=({"multiline": {"start": r"[A-Z], \[\d{4}-|# Logfile created on "}}, "ruby-logger"),
    time=iso("time"),
    tag="ruby.{severity}",
    message="{severity} {message}",
    patterns=(LINE, CREATED),
    rules=(NO_ENTRY,),
    integers="pid",
    refine=_take_module,
)
