"""Messages of sshd, sudo, su and PAM, as /var/log/auth.log and /var/log/secure have them."""

from __future__ import annotations

import re

from slips import times
from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, Patterns, any_of, one_of
from slips.parsing.json_text import load_json
from slips.parsing.meaning import keys_of

_FROM = r" from (?P<src_ip>\S+) port (?P<src_port>\d+)"

_LONGEST = 1_000
"""Characters of a message in which a name with blanks is looked for."""
_SPACED = re.compile(
    r"(?:(?P<action>Failed|Postponed|Partial) (?P<method>\S+) for (?P<invalid>invalid user) "
    r"|(?P<is_invalid>Invalid) user )"
    r"(?P<user>.*) from (?P<src_ip>\S+) port (?P<src_port>\d+)(?: (?P<protocol>ssh\d?))?(?: \[preauth\])?",
    re.DOTALL,
)
_SPACED_CONNECTION = re.compile(
    r"(?:(?P<action>Connection) (?P<what>closed|reset) by|(?P<is_end>Disconnected) from|(?P<event>Disconnecting)) "
    r"(?:authenticating|invalid) user (?P<user>.*) (?P<src_ip>\S+) port (?P<src_port>\d+)"
    r"(?: \[(?P<stage>[^\]]*)\]|: (?P<reason>.*))?",
    re.DOTALL,
)


def _take_spaced(meta: MetaData, event: Event) -> None:
    """Read anew who has no account here: the name, which whoever connects chooses, may have blanks, and an address.
    The last address of the message is sshd's own."""
    text = event["message"][:_LONGEST]
    if " user " not in text or not (found := _SPACED.fullmatch(text) or _SPACED_CONNECTION.fullmatch(text)):
        return
    fields = {name: value for name, value in found.groupdict().items() if value is not None}
    if word := fields.pop("is_invalid", None) or fields.pop("is_end", None):
        fields["action"] = word
    event |= fields | {"src_port": int(fields["src_port"])}
    meta.tag = f"linux.sshd.{event.get('action', 'message')}"


# Each message that names a user, an address or a key has them as fields; any other is `text` alone.
SSHD = Patterns(
    "sshd",
    "OpenSSH server messages, with or without a syslog header",
    "https://man.openbsd.org/sshd",
    chain=("s3-lines", "syslog-any", "sshd"),
    tag="linux.sshd.{action|'message'}",
    message="{message}",
    whole="message",
    patterns=(
        r"(?P<action>Accepted|Failed|Postponed|Partial) (?P<method>[^ ]+) for "
        r"(?:(?P<invalid>invalid user) )?(?P<user>[^ ]*) from (?P<src_ip>[^ ]+)"
        r"(?: port (?P<src_port>\d+))?(?: (?P<protocol>ssh\d?))?(?:: (?P<key_type>[^ ]+) (?P<key>[^ ]+).*)?",
        rf"(?P<action>Invalid) user (?P<user>[^ ]*){_FROM}",
        r"(?P<action>Invalid) user (?P<user>[^ ]*) from (?P<src_ip>[^ ]+)",
        r"(?P<action>Connection) (?P<what>closed|reset) by (?:(?:authenticating|invalid) user (?P<user>[^ ]*) )?"
        r"(?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?(?: \[(?P<stage>[^\]]*)\])?",
        rf"(?P<action>Connection)(?P<what>){_FROM}(?: on (?P<dst_ip>[^ ]+) port (?P<dst_port>\d+))?",
        r"(?P<action>Connection) from (?P<src_ip>[0-9a-fA-F.:]+)",
        rf"(?:error: )?(?P<action>Received) disconnect{_FROM}: ?(?P<code>\d+): (?P<reason>.*)",
        r"(?:error: )?(?P<action>Received) disconnect from (?P<src_ip>[^ ]+): (?P<code>\d{1,3}): (?P<reason>.*)",
        r"(?P<action>Disconnected) from (?:(?:(?:authenticating|invalid) )?user (?P<user>[^ ]*) )?(?P<src_ip>[^ ]+)"
        r"(?: port (?P<src_port>\d+))?(?: \[(?P<stage>[^\]]*)\])?",
        r"(?P<pam_module>pam_[a-z0-9_]+)\((?P<service>[^:)]*):(?P<pam_type>[^)]*)\): (?P<action>session) "
        r"(?P<what>opened|closed) for user (?P<user>[^ (]+)(?:\(uid=(?P<uid>\d+)\))?(?: by (?P<by>.*))?",
        r"(?P<action>session) (?P<what>opened|closed) for user (?P<user>[^ ]+)(?: by (?P<by>.*))?",  # su(pam_unix)[7]:
        r"(?:\d+ more )?(?P<event>authentication failure)s?"
        r"; logname=[^ ]* uid=(?P<uid>\d+)? euid=\d* tty=(?P<tty>[^ ]*) ruser=(?P<ruser>[^ ]*) rhost=(?P<src_ip>[^ ]*)"
        r"(?: +user=(?P<user>[^ ]+))?",
        r"(?P<pam_module>pam_[a-z0-9_]+)\((?P<service>[^:)]*):(?P<pam_type>[^)]*)\): (?P<event>authentication failure)"
        r"; logname=[^ ]* uid=(?P<uid>\d+)? euid=\d* tty=(?P<tty>[^ ]*) ruser=(?P<ruser>[^ ]*) rhost=(?P<src_ip>[^ ]*)"
        r"(?: +user=(?P<user>[^ ]+))?",
        r"error: PAM: (?P<event>[Aa]uthentication (?:failure|error)|unknown user|User not known to the underlying "
        r"authentication module) for (?:(?P<invalid>illegal user) )?(?P<user>[^ ]*) from (?P<src_ip>[^ ]+)",
        r"(?:error: )?(?P<event>maximum authentication attempts) exceeded for (?:(?P<invalid>invalid user) )?"
        r"(?P<user>[^ ]*) from (?P<src_ip>[^ ]+) port (?P<src_port>\d+)",
        r"(?P<event>Disconnecting)(?: (?:authenticating|invalid) user (?P<user>[^ ]*))? (?P<src_ip>[0-9][^ ]+)"
        r" port (?P<src_port>\d+): (?P<reason>.*)",
        r"User (?P<user>[^ ]*) from (?P<src_ip>[^ ]+) (?P<event>not allowed) because (?P<reason>.*)",
        r"User (?P<user>[^ ]*) (?P<event>not allowed) because (?P<reason>.*)",
        r"(?P<event>Disconnecting): (?P<reason>Too many authentication failures)(?: for (?P<user>[^ ]+))?.*",
        r"(?P<event>refused connect) from (?:[^ ]+ \()?(?P<src_ip>[0-9a-fA-F.:]+)\)?(?: \([^)]*\))?",
        r"(?P<user>ROOT) LOGIN (?P<event>REFUSED) FROM (?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?",
        r"(?P<event>Did not receive identification string) from (?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?",
        r"(?P<event>Bad protocol version identification) .* from (?P<src_ip>[^ ]+) port (?P<src_port>\d+)",
        r"(?:fatal: )?(?P<event>Unable to negotiate) with (?P<src_ip>[^ ]+) port (?P<src_port>\d+): (?P<reason>.*)",
        r"(?:fatal: )?(?P<event>Unable to negotiate) with (?P<src_ip>[0-9.]+): (?P<reason>.*)",  # before 7.2
        r"(?:fatal: )?(?P<event>Timeout before authentication) for connection from (?P<src_ip>[^ ]+) "
        r"to (?P<dst_ip>[^ ,]+)",
        r"(?:fatal: )?(?P<event>Timeout before authentication) for (?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?",
        r"(?P<event>drop connection) #\d+ from \[(?P<src_ip>[^\]]+)\]:(?P<src_port>\d+) on \[(?P<dst_ip>[^\]]+)\]:"
        r"(?P<dst_port>\d+) (?P<reason>.*)",
        rf"(?P<event>banner exchange|ssh_dispatch_run_fatal): Connection{_FROM}: (?P<reason>.*)",
        rf"(?P<event>Starting session): (?P<what>[^ ]+)(?: on (?P<tty>[^ ]+))? for (?P<user>[^ ]+){_FROM}",
        rf"(?P<event>Close session): user (?P<user>[^ ]+){_FROM}",
        r"(?P<event>Closing connection) to (?P<src_ip>[^ ]+) port (?P<src_port>\d+)",
        r"(?P<event>reverse mapping checking) getaddrinfo for (?P<host>[^ ]+) \[(?P<src_ip>[^\]]+)\] failed",
        r"(?P<event>Address) (?P<src_ip>[^ ]+) maps to (?P<host>[^ ,]+), but",
        r"(?P<event>Read error) from remote host (?P<src_ip>[^ ]+) port (?P<src_port>\d+): (?P<reason>.*)",
        r"(?P<event>Read error) from remote host (?P<src_ip>[0-9.]+): (?P<reason>.*)",
        r"(?P<event>Timeout, client not responding) from (?:user (?P<user>[^ ]+) )?(?P<src_ip>[^ ]+)"
        r" port (?P<src_port>\d+)",
        r"(?P<event>Protocol major versions differ) for (?P<src_ip>[^ ]+) port (?P<src_port>\d+): (?P<reason>.*)",
        r"PAM \d+ more (?P<event>authentication failure)s?; logname=[^ ]* uid=(?P<uid>\d+)? euid=\d* "
        r"tty=(?P<tty>[^ ]*) ruser=(?P<ruser>[^ ]*) rhost=(?P<src_ip>[^ ]*)(?: +user=(?P<user>[^ ]+))?",
        r"(?P<event>srclimit_penalise): [^:]+: (?:new|active) (?P<src_ip>[^ /]+)/\d+ (?P<reason>.*)",
        r"(?P<event>subsystem request) for (?P<what>[^ ]+) by user (?P<user>[^ ]+)",
        r"",
    ),
    refine=_take_spaced,
    integers="src_port dst_port code uid",
    entities={"addresses": "src_ip dst_ip", "users": "user ruser"},
)

_ENDED = re.compile(r"(.*?)(?: ; SIGNAL=(\w+))?(?: ; EXIT=(\d+))?", re.DOTALL)
EVENTS = ("accept", "reject", "alert", "exit")
"""The kinds of events that sudo logs as JSON."""
_PLACES = [f"{outer}{each}" for outer in ("sudo.", "") for each in EVENTS]
SUDO_ENTITIES = {
    "users": "user USER " + " ".join(f"{place}.submituser {place}.runuser" for place in _PLACES),
    "hosts": "HOST " + " ".join(f"{place}.submithost" for place in _PLACES),
}


def _take_end(_meta: MetaData, event: Event) -> None:
    """Take how a command ended off the command: with `log_exit_status`, the line at its end says it behind."""
    found = _ENDED.fullmatch(event.get("COMMAND") or "")
    if found and (found[2] or found[3]):
        event["COMMAND"] = found[1]
        event |= {"SIGNAL": found[2]} if found[2] else {}
        event |= {"EXIT": int(found[3])} if found[3] else {}


def _take_json(meta: MetaData, event: Event) -> Event | None:
    """Return the object of a line in JSON. Raises RecordError for one that is not of sudo."""
    if "json" not in event:
        return None
    return read_json(meta, load_json(event["json"].encode("utf-8", "surrogateescape")))  # it begins with a brace


def read_json(meta: MetaData, found: Event) -> Event:
    """Return an event of sudo, with its time and its message set. Raises RecordError for one that is not of sudo."""
    inner = found.get("sudo", found)
    kind = next((each for each in EVENTS if isinstance(inner, dict) and isinstance(inner.get(each), dict)), None)
    if kind is None:
        raise foreign_record(f"no event of sudo such as 'accept' (keys: {keys_of(found)})")
    fields = inner[kind]
    for name in (f"{kind}_time", "submit_time", "server_time"):
        if isinstance(time := fields.get(name), dict) and "seconds" in time:
            nanoseconds = time.get("nanoseconds")
            fraction = nanoseconds / 1e9 if isinstance(nanoseconds, int) else 0.0
            meta.timestamp = times.epoch(time["seconds"], f"{name}.seconds") + fraction
            break
    what = fields.get("command") or fields.get("reason") or kind
    meta.message = f"{fields.get('submituser', '-')} as {fields.get('runuser', '-')}: {what}"
    return found


# Syslog gets a long command in several lines.
SUDO = one_of(
    "sudo",
    "sudo: commands that it ran or refused, as text or JSON, with or without a syslog header",
    "https://man7.org/linux/man-pages/man5/sudoers.5.html#EVENT_LOGGING",
    KeyValue(
        "sudo.text",
        "the usual lines",
        head=r" *(?P<user>[^ :]+) : (?:(?P<error>[^;=]*) ; )?",
        separator=";",
        rest="COMMAND=",
        quotes="",
        escapes="none",
        require=any_of("COMMAND", "TTY", "error"),
        tag="linux.sudo",
        message="{user} as {USER|'-'}: {COMMAND|error|'-'}",
        refine=_take_end,
    ),
    Patterns(
        "sudo.other",
        "a command continued, and JSON",
        tag="linux.sudo",
        message="{user}: {continued|'-'}",
        patterns=(
            r" *(?P<user>[^ :]+) : \(command continued\) (?P<continued>.*)",
            r"(?:@cee: ?)?(?P<json>\{.*)",
        ),
        refine=_take_json,
    ),
    tag="linux.sudo",
    chain=("s3-lines", "syslog-any", "sudo"),
    entities=SUDO_ENTITIES,
)
