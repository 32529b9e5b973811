"""Events of Tetragon: processes, and what its policies trace."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, any_of, iso
from slips.parsing.meaning import value_at

_KINDS = (
    *("process_exec", "process_exit", "process_kprobe", "process_tracepoint", "process_uprobe", "process_usdt"),
    *("process_lsm", "process_loader", "process_throttle", "rate_limit_info"),
)
_SOCKET = "sock_arg", "skb_arg", "sockaddr_arg"


def _describe(meta: MetaData, event: Event) -> None:
    """Set the tag to the kind of the event, and the message to what the process did."""
    kind = next(name for name in _KINDS if name in event)
    body = event[kind]
    if body.__class__ is not dict:
        raise RecordError(f"{kind!r} is {body!r:.60}; expected an object")
    binary, arguments = value_at(body, "process.binary"), value_at(body, "process.arguments")
    process = " ".join(str(text) for text in (binary, arguments) if text)
    pod = "/".join(str(value_at(body, f"process.pod.{name}") or "") for name in ("namespace", "name")).strip("/")
    place = pod or event.get("node_name")
    meta.tag = f"cilium.tetragon.{kind}"
    parts = (
        kind.removeprefix("process_"),
        process,
        f"calls {body['function_name']}" if body.get("function_name") else "",
        _argument(body.get("args")),
        f"exits by {body['signal']}" if body.get("signal") else "",
        f"({body['policy_name']})" if body.get("policy_name") else "",
        f"on {place}" if place else "",
    )
    meta.message = " ".join(part for part in parts if part)


def _argument(arguments: object) -> str:
    """Return the socket's peer or the path of the file that a traced call has."""
    for argument in arguments if arguments.__class__ is list else ():
        if argument.__class__ is not dict:
            continue
        for name in _SOCKET:
            if address := value_at(argument, f"{name}.daddr") or value_at(argument, f"{name}.addr"):
                return f"{address}:{value_at(argument, f'{name}.dport') or value_at(argument, f'{name}.port') or 0}"
        if path := value_at(argument, "file_arg.path") or value_at(argument, "path_arg.path"):
            return str(path)
    return ""


TETRAGON = Json(
    "tetragon",
    "Tetragon events as JSON: processes that begin and end, calls, sockets and files that its policies trace",
    "https://tetragon.io/docs/concepts/events/",
    require=any_of(*_KINDS),
    time=iso("time"),
    tag="cilium.tetragon.{kind|'event'}",  # the kind that `_describe` finds
    # of 64 bits, which are texts
    integers="""rate_limit_info.number_of_dropped_process_events process_kprobe.args.size_arg
        process_kprobe.args.long_arg process_kprobe.return.size_arg process_kprobe.return.long_arg
        process_tracepoint.args.size_arg process_tracepoint.args.long_arg""",
    refine=_describe,
    entities={
        "addresses": """process_kprobe.args.sock_arg.saddr process_kprobe.args.sock_arg.daddr
            process_kprobe.args.skb_arg.saddr process_kprobe.args.skb_arg.daddr
            process_kprobe.args.sockaddr_arg.addr""",
        "hosts": """node_name process_exec.process.pod.name process_exit.process.pod.name
            process_kprobe.process.pod.name process_tracepoint.process.pod.name process_lsm.process.pod.name""",
    },
)
