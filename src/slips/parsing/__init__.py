"""From the bytes of an object to events: readers cut records, parsers refine them, a chain of both runs in one loop.

The names that declarations need are here: families of formats, notations of times, and required fields.
"""

from slips.format import Rule
from slips.parsing.declare import Cef, Columns, Csv, Declaration, Json, KeyValue, Leef, Quoted, Regex, Syslog
from slips.parsing.meaning import Time, all_of, any_of, clf, epoch, iso, moment, stamp, written

__all__ = [
    "Cef",
    "Columns",
    "Csv",
    "Declaration",
    "Json",
    "KeyValue",
    "Leef",
    "Quoted",
    "Regex",
    "Rule",
    "Syslog",
    "Time",
    "all_of",
    "any_of",
    "clf",
    "epoch",
    "iso",
    "moment",
    "stamp",
    "written",
]
