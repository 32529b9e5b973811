"""Messages of sshd, sudo, su and PAM, as /var/log/auth.log and /var/log/secure have them."""

from __future__ import annotations

from slips.parsing import KeyValue, Patterns, any_of

_FROM = r" from (?P<src_ip>\S+) port (?P<src_port>\d+)"

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
        rf"(?P<action>Received) disconnect{_FROM}: ?(?P<code>\d+): (?P<reason>.*)",
        r"(?P<action>Received) disconnect from (?P<src_ip>[^ ]+): (?P<code>\d{1,3}): (?P<reason>.*)",
        r"(?P<action>Disconnected) from (?:(?:(?:authenticating|invalid) )?user (?P<user>[^ ]*) )?(?P<src_ip>[^ ]+)"
        r"(?: port (?P<src_port>\d+))?(?: \[(?P<stage>[^\]]*)\])?",
        r"(?P<pam_module>pam_[a-z0-9_]+)\((?P<service>[^:)]*):(?P<pam_type>[^)]*)\): (?P<action>session) "
        r"(?P<what>opened|closed) for user (?P<user>[^ (]+)(?:\(uid=(?P<uid>\d+)\))?(?: by (?P<by>.*))?",
        r"(?P<pam_module>pam_[a-z0-9_]+)\((?P<service>[^:)]*):(?P<pam_type>[^)]*)\): (?P<event>authentication failure)"
        r"; logname=[^ ]* uid=(?P<uid>\d+)? euid=\d* tty=(?P<tty>[^ ]*) ruser=(?P<ruser>[^ ]*) rhost=(?P<src_ip>[^ ]*)"
        r"(?: +user=(?P<user>[^ ]+))?",
        r"error: PAM: (?P<event>Authentication failure|User not known to the underlying authentication module) for "
        r"(?:(?P<invalid>illegal user) )?(?P<user>[^ ]*) from (?P<src_ip>[^ ]+)",
        r"(?:error: )?(?P<event>maximum authentication attempts) exceeded for (?:(?P<invalid>invalid user) )?"
        r"(?P<user>[^ ]*) from (?P<src_ip>[^ ]+) port (?P<src_port>\d+)",
        r"(?P<event>Disconnecting)(?: (?:authenticating|invalid) user (?P<user>[^ ]*))? (?P<src_ip>[0-9][^ ]+)"
        r" port (?P<src_port>\d+): (?P<reason>.*)",
        r"User (?P<user>[^ ]*) from (?P<src_ip>[^ ]+) (?P<event>not allowed) because (?P<reason>.*)",
        r"(?P<user>ROOT) LOGIN (?P<event>REFUSED) FROM (?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?",
        r"(?P<event>Did not receive identification string) from (?P<src_ip>[^ ]+)(?: port (?P<src_port>\d+))?",
        r"(?P<event>Bad protocol version identification) .* from (?P<src_ip>[^ ]+) port (?P<src_port>\d+)",
        r"(?P<event>Unable to negotiate) with (?P<src_ip>[^ ]+) port (?P<src_port>\d+): (?P<reason>.*)",
        r"",
    ),
    integers="src_port dst_port code uid",
    entities={"addresses": "src_ip dst_ip", "users": "user"},
)

SUDO = KeyValue(
    "sudo",
    "sudo: commands that it ran or refused, with or without a syslog header",
    "https://www.sudo.ws/docs/man/sudoers.man/#LOG_FORMAT",
    chain=("s3-lines", "syslog-any", "sudo"),
    head=r" *(?P<user>[^ :]+) : (?:(?P<error>[^;=]*) ; )?",
    separator=";",
    rest="COMMAND=",
    quotes="",
    escapes="none",
    require=any_of("COMMAND", "TTY", "error"),
    tag="linux.sudo",
    message="{user} as {USER|'-'}: {COMMAND|error|'-'}",
    entities={"users": "user USER"},
)
