"""The acts on a lane: let nothing more of it start, and let it go on."""

from __future__ import annotations

from collections.abc import Callable

from slips.brakes import is_held, sentence
from slips.console.acts import Act
from slips.console.desk import Desk
from slips.console.plans import ActProposal, amounts, cost
from slips.errors import UnreadableItemError, UsageError
from slips.model import LANES, Lane
from slips.operations import Operations
from slips.pipeline.choose import readable
from slips.place import operator
from slips.printable import plural

ACTS = ("pause", "resume")


def propose(fields: dict[str, str], desk: Desk, operations: Operations) -> ActProposal:
    """Propose to pause a lane, or to resume it. Raises UsageError for a lane that there is not."""
    act, lane = fields["act"], _lane(fields)
    pauses = [each for each in operations.pauses() if each.lane == lane]
    facts, problems = [("Now", sentence(each)) for each in pauses], list[UnreadableItemError]()
    if act == "pause":
        will = f"No further object of lane {lane} starts; what comes waits, and nothing is lost."
        if desk.is_stack:
            will += " Its events wait in the error table."
    else:
        will = f"Every pause of lane {lane} ends, also one because of failures or of a spent budget."
        if desk.is_stack:
            will += " Events that wait in the error table go back on their lane."
            items = readable(operations.errors.scan(), problems)
            held = [event for item in items if is_held(item) for event in item.events if event.lane in (None, lane)]
            size = sum(event.object_size for event in held)
            facts += [*amounts(len(held), size), cost(len(held), size)]
    return ActProposal(
        act=act,
        title=f"{'Pause' if act == 'pause' else 'Resume'} lane {lane}",
        will=will,
        command=desk.command("limit", lane, f"--{act}"),
        fields=[("lane", lane)],
        facts=facts,
        total=1,
        noun="lane",
        is_possible=act == "pause" or bool(pauses),
        page="/",
        problems=problems,
    )


def work(fields: dict[str, str], desk: Desk) -> Callable[[Act], None]:
    """Return the function that does the act."""
    lane = _lane(fields)

    def pause_or_resume(act: Act) -> None:
        with desk.operations() as operations:
            if fields["act"] == "pause":
                operations.pause(lane, "", f"{operator()}, on the console")
                act.facts.append(f"lane {lane} is paused: what comes waits")
            else:
                ended = operations.resume(lane)
                act.facts += [f"no longer {sentence(each)}" for each in ended] or [f"lane {lane} was not paused"]
                if released := operations.release():
                    act.facts.append(f"{plural(released, 'object')} that waited in the error table put back")
        act.done, act.page = 1, "/"

    return pause_or_resume


def _lane(fields: dict[str, str]) -> Lane:
    lane = fields.get("lane", "")
    if lane not in LANES:
        raise UsageError(f"no lane {lane!r}; expected {' or '.join(LANES)}")
    return lane
