"""Draws the stack: a template in, an SVG out (`docs/stack.svg`, which `build.py` writes).

The template gives the boxes (functions, streams, tables, topics, queues), the arrows (calls, writes and reads; dashed
for failures) and the count of all other resources. Places of boxes and ways of arrows are laid out by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Literal

from msgspec import Struct

from slips.backends.aws import AUDIT, DISPATCHERS, STREAMS

Point = tuple[float, float]
Kind = Literal["function", "stream", "table", "topic", "queue", "source"]

_WIDTH, _BOX_WIDTH, _BOX_HEIGHT = 1280, 160, 56
_SOURCE_X, _SOURCE_Y, _SOURCE_STEP = 110, 170, 72
_LANES = (436.0, 56.0, 398.0, 228.0)
"""Frame around both lanes: left, top, width, height."""
_BANDS = {"fast": 110, "slow": 230}
_FRAMES = {"lanes", "sources"}
"""Frames at which arrows may begin or end, as at boxes."""

_PLACES: dict[str, Point] = {
    "EventPusher": (320, 170),
    "EventFastStream": (532, _BANDS["fast"]),
    "EventSlowStream": (532, _BANDS["slow"]),
    "FastDispatcher": (738, _BANDS["fast"]),
    "SlowDispatcher": (738, _BANDS["slow"]),
    "MainFunc": (950, 170),
    "Ledger": (1170, 170),
    "Drain": (532, 420),
    "ErrorNotify": (738, 420),
    "Reporter": (950, 420),
    "ErrorTable": (1170, 420),
    "Undelivered": (950, 534),
    "Audit": (738, 650),
}
"""Middle of each box. Objects travel above, from left to right; failures below, from right to left."""

_ROUTES: dict[tuple[str, str], list[Point]] = {
    ("EventPusher", "EventFastStream"): [(400, 160), (424, 160), (424, 110), (452, 110)],
    ("EventPusher", "EventSlowStream"): [(400, 180), (424, 180), (424, 230), (452, 230)],
    ("EventPusher", "Ledger"): [(320, 142), (320, 14), (1170, 14), (1170, 142)],
    ("EventPusher", "ErrorNotify"): [(320, 198), (320, 340), (718, 340), (718, 392)],
    ("EventPusher", "Undelivered"): [(290, 198), (290, 554), (870, 554)],
    ("EventFastStream", "FastDispatcher"): [(612, 110), (658, 110)],
    ("EventSlowStream", "SlowDispatcher"): [(612, 230), (658, 230)],
    ("FastDispatcher", "MainFunc"): [(818, 110), (848, 110), (848, 160), (870, 160)],
    ("SlowDispatcher", "MainFunc"): [(818, 230), (848, 230), (848, 180), (870, 180)],
    ("lanes", "ErrorNotify"): [(738, 284), (738, 392)],
    ("lanes", "Ledger"): [(800, 56), (800, 44), (1150, 44), (1150, 142)],
    ("lanes", "ErrorTable"): [(826, 284), (826, 312), (1150, 312), (1150, 392)],
    ("MainFunc", "lanes"): [(950, 142), (950, 32), (635, 32), (635, 56)],
    ("MainFunc", "ErrorNotify"): [(950, 198), (950, 340), (758, 340), (758, 392)],
    ("MainFunc", "Ledger"): [(1030, 160), (1090, 160)],
    ("MainFunc", "ErrorTable"): [(1030, 180), (1050, 180), (1050, 410), (1090, 410)],
    ("ErrorNotify", "Reporter"): [(818, 420), (870, 420)],
    ("ErrorNotify", "Undelivered"): [(738, 448), (738, 524), (870, 524)],
    ("Reporter", "ErrorTable"): [(1030, 430), (1090, 430)],
    ("Reporter", "Ledger"): [(980, 392), (980, 366), (1070, 366), (1070, 180), (1090, 180)],
    ("Reporter", "Undelivered"): [(950, 448), (950, 506)],
    ("ErrorTable", "Drain"): [(1170, 448), (1170, 577), (528, 577), (528, 448)],
    ("Ledger", "Drain"): [(1250, 170), (1264, 170), (1264, 592), (510, 592), (510, 448)],
    ("Undelivered", "Drain"): [(870, 544), (546, 544), (546, 448)],
    ("Drain", "lanes"): [(532, 392), (532, 284)],
    ("Audit", "Ledger"): [(818, 660), (1274, 660), (1274, 160), (1250, 160)],
    ("Audit", "ErrorTable"): [(818, 640), (1190, 640), (1190, 448)],
}
_NOTES: dict[tuple[str, str], Point] = {
    ("EventPusher", "ErrorNotify"): (420, 333),
    ("EventPusher", "Undelivered"): (298, 482),
    ("lanes", "ErrorNotify"): (746, 310),
    ("MainFunc", "ErrorNotify"): (856, 333),
    ("lanes", "ErrorTable"): (836, 305),
    ("MainFunc", "lanes"): (792, 26),
    ("Reporter", "Undelivered"): (958, 482),
    ("ErrorTable", "Drain"): (1062, 571),
}
"""Places of the notes on arrows that have one."""

_STYLE = """\
.back{fill:#fff}.frame{fill:#f6f8fa;stroke:#d0d7de}.band{fill:#eaeef2}
text{font:11.5px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#57606a}
.name{font-weight:600;font-size:13px;fill:#1f2328}.middle{text-anchor:middle}.lane{font-style:italic}
.box rect{stroke-width:1.5}.given rect{stroke-dasharray:2 3}
.function rect{fill:#fff1e5;stroke:#bc4c00}.stream rect{fill:#fbefff;stroke:#8250df}
.table rect{fill:#ddf4ff;stroke:#0969da}.topic rect{fill:#ffeff7;stroke:#bf3989}
.queue rect{fill:#dafbe1;stroke:#1a7f37}.source rect{fill:#f6f8fa;stroke:#6e7781}
.arrow{fill:none;stroke:#424a53;stroke-width:1.5}.fails{stroke:#cf222e;stroke-dasharray:6 4}
.head{fill:#424a53}.head.of-fails{fill:#cf222e}
@media (prefers-color-scheme:dark){
.back{fill:#0d1117}.frame{fill:#161b22;stroke:#30363d}.band{fill:#21262d}
text{fill:#9198a1}.name{fill:#f0f6fc}
.function rect{fill:#3d1f0d;stroke:#f0883e}.stream rect{fill:#271052;stroke:#a371f7}
.table rect{fill:#0c2d6b;stroke:#58a6ff}.topic rect{fill:#42062a;stroke:#f778ba}
.queue rect{fill:#04260f;stroke:#3fb950}.source rect{fill:#161b22;stroke:#8b949e}
.arrow{stroke:#b1bac4}.fails{stroke:#ff7b72}.head{fill:#b1bac4}.head.of-fails{fill:#ff7b72}}"""


class _Box(Struct, frozen=True):
    name: str
    kind: Kind
    about: str
    at: Point
    given: bool = False
    """Whether the config gives it: the stack uses it, and did not make it."""


class _Origin(Struct, frozen=True):
    name: str
    title: str
    about: str
    redrives: bool = False
    """Whether it sends to Undelivered what it cannot deliver."""


class _Arrow(Struct, frozen=True):
    source: str
    target: str
    fails: bool = False
    note: str = ""


def draw(template: Mapping[str, Any]) -> str:
    """Draw a template of `slips.deploy.template.build`."""
    resources: dict[str, Any] = template["Resources"]
    given = _given(resources)
    sources = _source_boxes(resources, given)
    boxes = {**_stack_boxes(resources, given), **sources}
    bottom = max(box.at[1] for box in boxes.values()) + _BOX_HEIGHT / 2 + 50
    height = bottom + 72
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" role="img">',
        "<title>The stack: what carries an object, and where it goes if something fails</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{height:g}" rx="8"/>',
        *_draw_lanes(),
        *_draw_sources([box.at[1] for box in sources.values()]),
    ]
    # Some boxes stand for several resources, and the frame of the lanes for both: their equal arrows are drawn once.
    for arrow in dict.fromkeys(_arrows(resources, given)):
        if all(end in boxes or end in _FRAMES for end in (arrow.source, arrow.target)):
            parts += _draw_arrow(arrow, boxes, bottom)
    for box in boxes.values():
        parts += _draw_box(box)
    return "\n".join([*parts, *_draw_legend(_rest(resources), height - 26), "</svg>", ""])


# ---- what the template says


def _name(value: Any, given: Mapping[str, str]) -> str:
    """Return the logical name of the resource that a property refers to, or of the one that a given ARN stands for."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
    return next((place for place, one in given.items() if one == value), str(value))


def _given(resources: Mapping[str, Any]) -> dict[str, str]:
    """Return ARNs or names that the config gives, by the logical name of the resource that they stand for."""
    found = {}
    for lane, dispatcher in DISPATCHERS.items():
        found[STREAMS[lane]] = _property(resources, f"{dispatcher}Mapping", "EventSourceArn")
    found["ErrorNotify"] = _property(resources, "ReporterSubscription", "TopicArn")
    found["ErrorTable"] = _property(resources, "MainFunc", "Environment", "Variables", "SLIPS_ERROR_TABLE")
    return {place: value for place, value in found.items() if isinstance(value, str)}


def _property(resources: Mapping[str, Any], name: str, *path: str) -> Any:
    value = resources.get(name, {}).get("Properties", {})
    for key in path:
        value = value.get(key, {})
    return value


def _of_type(resources: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in resources.items():
        if one["Type"] == f"AWS::{kind}":
            yield name, one["Properties"]


def _stack_boxes(resources: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, _Box]:
    boxes = {}
    for name, at in _PLACES.items():
        if name in given:
            kind: Kind = "stream" if name in STREAMS.values() else "topic" if name == "ErrorNotify" else "table"
            boxes[name] = _Box(_tail(given[name]), kind, f"your {kind}", at, given=True)
        elif name in resources:
            kind, about = _describe(resources[name])
            if name == AUDIT and "AuditSchedule" in resources:
                about = f"function, daily, {_property(resources, name, 'Timeout')} s"
            boxes[name] = _Box(name, kind, about, at)
    return boxes


def _describe(resource: Mapping[str, Any]) -> tuple[Kind, str]:
    """Return the kind of a resource, and a line about it."""
    properties = resource["Properties"]
    match resource["Type"]:
        case "AWS::Lambda::Function":
            return "function", f"function, {properties['MemorySize']} MB, {properties['Timeout']} s"
        case "AWS::Kinesis::Stream":
            shards = properties.get("ShardCount")
            size = _count(shards, "shard") if shards else "on demand"
            return "stream", f"stream, {size}"
        case "AWS::DynamoDB::Table":
            return "table", "table, outlives the stack" if "DeletionPolicy" in resource else "table, entries expire"
        case "AWS::SNS::Topic":
            return "topic", "topic"
        case "AWS::SQS::Queue":
            return "queue", f"queue, {properties['MessageRetentionPeriod'] // 86400} days"
    raise ValueError(f"{resource['Type']}: not drawn as a box; expected a function, stream, table, topic or queue")


def _sources(resources: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[_Origin]:
    """Yield the sources that invoke EventPusher."""
    for _, one in _of_type(resources, "SNS::Subscription"):
        if _name(one["Endpoint"], given) == "EventPusher":
            topic = one["TopicArn"]
            yield _Origin(_name(topic, given), _tail(topic), "your topic", "RedrivePolicy" in one)
    for _, one in _of_type(resources, "Lambda::EventSourceMapping"):
        if _name(one["FunctionName"], given) == "EventPusher":
            queue = one["EventSourceArn"]
            yield _Origin(queue, _tail(queue), "your queue")
    for name, one in _of_type(resources, "Events::Rule"):
        if "EventPattern" not in one:
            continue  # a schedule
        redrives = any("DeadLetterConfig" in target for target in one["Targets"])
        buckets = len(one["EventPattern"]["detail"]["bucket"]["name"])
        yield _Origin(name, "EventBridge", f"rule for {_count(buckets, 'bucket')}", redrives)
    direct = [one for _, one in _of_type(resources, "Lambda::Permission") if one["Principal"] == "s3.amazonaws.com"]
    if direct:
        yield _Origin("buckets", "S3", f"{_count(len(direct), 'bucket')}, directly")


def _count(number: int, name: str) -> str:
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{number} {name if number == 1 else plural}"


def _source_boxes(resources: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, _Box]:
    sources = list(_sources(resources, given))
    top = max(76, _SOURCE_Y - _SOURCE_STEP * (len(sources) - 1) / 2)
    return {
        source.name: _Box(source.title, "source", source.about, (_SOURCE_X, top + _SOURCE_STEP * number), given=True)
        for number, source in enumerate(sources)
    }


def _tail(arn: str) -> str:
    """Return the last part of an ARN, cut to the width of a box."""
    name = arn.replace("/", ":").rpartition(":")[2]
    return name if len(name) <= 18 else f"{name[:17]}…"


_USES = {
    "SLIPS_FAST_STREAM_ARN": "EventFastStream",
    "SLIPS_SLOW_STREAM_ARN": "EventSlowStream",
    "SLIPS_MAIN_FUNC": "MainFunc",
    "SLIPS_LEDGER_TABLE": "Ledger",
    "SLIPS_ERROR_TABLE": "ErrorTable",
    "SLIPS_UNDELIVERED_URL": "Undelivered",
}
"""Resources that a function uses, by the variable that names each."""


def _arrows(resources: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[_Arrow]:
    for source in _sources(resources, given):
        yield _Arrow(source.name, "EventPusher")
        if source.redrives:
            yield _Arrow("sources", "Undelivered", fails=True)
    if "ReporterSubscription" in resources:
        yield _Arrow("ErrorNotify", "Reporter")
        if "RedrivePolicy" in _property(resources, "ReporterSubscription"):
            yield _Arrow("ErrorNotify", "Undelivered", fails=True)
    for lane, dispatcher in DISPATCHERS.items():
        mapping = _property(resources, f"{dispatcher}Mapping")
        if mapping:
            yield _Arrow(STREAMS[lane], dispatcher)
        if "DestinationConfig" in mapping:
            target = _name(mapping["DestinationConfig"]["OnFailure"]["Destination"], given)
            yield _Arrow("lanes", target, fails=True, note=f"after {mapping['MaximumRetryAttempts']} retries")
    for _, one in _of_type(resources, "Lambda::EventInvokeConfig"):
        target = _name(one["DestinationConfig"]["OnFailure"]["Destination"], given)
        note = f"after {one['MaximumRetryAttempts']} retries"
        yield _Arrow(_name(one["FunctionName"], given), target, fails=True, note=note)
    for function, one in _of_type(resources, "Lambda::Function"):
        for variable in one["Environment"]["Variables"]:
            if variable not in _USES:
                continue
            used = _USES[variable]
            if function in DISPATCHERS.values() and used != "MainFunc":
                if function == DISPATCHERS["slow"]:  # both do alike
                    yield _Arrow("lanes", used, note="while a lane pauses" if used == "ErrorTable" else "")
            elif function == "Drain" and used not in STREAMS.values():
                yield _Arrow(used, function, note="slips drain" if used == "ErrorTable" else "")
            elif function != "EventPusher" and used in STREAMS.values():
                yield _Arrow(function, "lanes", note="a long object continues" if function == "MainFunc" else "")
            elif used == "Undelivered":
                yield _Arrow(function, used, fails=True, note="cannot be read")
            else:
                yield _Arrow(function, used)


_SHOWN = {
    "Lambda::Function",
    "Lambda::EventSourceMapping",
    "Lambda::EventInvokeConfig",
    "Kinesis::Stream",
    "DynamoDB::Table",
    "SNS::Topic",
    "SNS::Subscription",
    "SQS::Queue",
    "Events::Rule",
}
_COUNTED = {
    "IAM::Role": "role",
    "IAM::Policy": "role's policy",
    "Lambda::Permission": "permission",
    "SNS::TopicPolicy": "topic's policy",
    "SQS::QueuePolicy": "queue's policy",
    "Logs::LogGroup": "log group",
    "CloudWatch::Alarm": "alarm",
    "CloudWatch::Dashboard": "dashboard",
}


def _rest(resources: Mapping[str, Any]) -> str:
    """Count the resources that are not drawn, by their kind."""
    kinds = [one["Type"].removeprefix("AWS::") for one in resources.values()]
    counts = Counter(_COUNTED[kind] for kind in kinds if kind not in _SHOWN)
    if schedules := sum("ScheduleExpression" in one["Properties"] for one in resources.values() if "Properties" in one):
        counts["schedule"] = schedules
    return ", ".join(_count(count, name) for name, count in counts.items())


# ---- how it looks


def _draw_lanes() -> Iterator[str]:
    left, top, width, height = _LANES
    yield f'<rect class="frame" x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="10"/>'
    for lane, y in _BANDS.items():
        yield f'<rect class="band" x="{left + 8:g}" y="{y - 38}" width="{width - 16:g}" height="76" rx="8"/>'
        yield f'<text class="lane middle" x="{left + width / 2:g}" y="{y - 12}">{lane}</text>'


def _draw_sources(middles: list[float]) -> Iterator[str]:
    """Draw the frame around the sources; `middles` are the heights of their boxes."""
    if middles:
        top, bottom = middles[0] - 60, middles[-1] + 38
        left, width = _SOURCE_X - 92, 184
        yield f'<rect class="frame" x="{left}" y="{top:g}" width="{width}" height="{bottom - top:g}" rx="10"/>'
        yield f'<text class="middle" x="{_SOURCE_X}" y="{top + 20:g}">your buckets notify</text>'


def _draw_box(box: _Box) -> Iterator[str]:
    x, y = box.at
    left, top = x - _BOX_WIDTH / 2, y - _BOX_HEIGHT / 2
    yield f'<g class="box {box.kind}{" given" if box.given else ""}">'
    yield f'<rect x="{left:g}" y="{top:g}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="7"/>'
    yield f'<text class="name middle" x="{x:g}" y="{y - 4:g}">{escape(box.name)}</text>'
    yield f'<text class="middle" x="{x:g}" y="{y + 15:g}">{escape(box.about)}</text></g>'


def _draw_arrow(arrow: _Arrow, boxes: Mapping[str, _Box], bottom: float) -> Iterator[str]:
    ends = (arrow.source, arrow.target)
    points = _ROUTES[ends] if ends in _ROUTES else _source_route(arrow, boxes, bottom)
    kind = " fails" if arrow.fails else ""
    yield f'<path class="arrow{kind}" d="{_path(points)}"/>'
    yield f'<path class="head{" of-fails" if arrow.fails else ""}" d="{_head(points)}"/>'
    if arrow.note and ends in _NOTES:
        x, y = _NOTES[ends]
        yield f'<text x="{x:g}" y="{y:g}">{escape(arrow.note)}</text>'


def _source_route(arrow: _Arrow, boxes: Mapping[str, _Box], bottom: float) -> list[Point]:
    """Return the way from one source to EventPusher, or from the frame of the sources, around below, to Undelivered.

    Raises ValueError for an arrow between other boxes, whose way is not laid out.
    """
    if arrow.source == "sources":
        begin = max(box.at[1] for box in boxes.values() if box.kind == "source") + 38
        x, y = _PLACES["Undelivered"]
        return [(_SOURCE_X, begin), (_SOURCE_X, bottom), (x, bottom), (x, y + _BOX_HEIGHT / 2)]
    if boxes[arrow.source].kind != "source":
        raise ValueError(f"arrow from {arrow.source} to {arrow.target}: no way is laid out; expected one in _ROUTES")
    x, y = boxes[arrow.source].at
    return [(x + _BOX_WIDTH / 2, y), (220, y), (220, _SOURCE_Y), (240, _SOURCE_Y)]


def _path(points: list[Point], radius: float = 7) -> str:
    """Return a line along the points, with round corners, that ends before the tip of its head."""
    parts = [f"M{points[0][0]:g},{points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        if before[0] == corner[0] == after[0] or before[1] == corner[1] == after[1]:
            continue
        (x1, y1), (x2, y2) = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{x1:g},{y1:g}Q{corner[0]:g},{corner[1]:g} {x2:g},{y2:g}")
    x, y = _towards(points[-1], points[-2], 7)
    return "".join([*parts, f"L{x:g},{y:g}"])


def _head(points: list[Point]) -> str:
    """Return a triangle with its tip at the last point."""
    tip, (base_x, base_y) = points[-1], _towards(points[-1], points[-2], 9)
    along_x = tip[1] == points[-2][1]
    one, other = ((0, 4.5), (0, -4.5)) if along_x else ((4.5, 0), (-4.5, 0))
    corners = [tip, (base_x + one[0], base_y + one[1]), (base_x + other[0], base_y + other[1])]
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in corners) + "Z"


def _towards(start: Point, end: Point, distance: float) -> Point:
    """Return the point `distance` away from `start`, towards `end`, on a level or upright line."""
    (x, y), (to_x, to_y) = start, end
    step_x, step_y = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
    reach = min(distance, (abs(to_x - x) + abs(to_y - y)) / 2)
    return x + step_x * reach, y + step_y * reach


def _draw_legend(rest: str, y: float) -> Iterator[str]:
    for x, kind, text in ((30, "", "invokes, writes, reads"), (270, " fails", "takes what failed")):
        points: list[Point] = [(x, y - 4), (x + 50, y - 4)]
        yield f'<path class="arrow{kind}" d="{_path(points)}"/>'
        yield f'<path class="head{" of-fails" if kind else ""}" d="{_head(points)}"/>'
        yield f'<text x="{x + 60}" y="{y:g}">{text}</text>'
    yield f'<text x="{_WIDTH - 30}" y="{y:g}" text-anchor="end">Beside these: {escape(rest)}</text>'
