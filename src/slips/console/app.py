"""The pages and acts of the console, by path. Each function answers one request, in a thread of its own."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from slips.config.needs import DRAINING
from slips.console import child, failing, now, objects, pausing, plans, raw, trying
from slips.console.acts import Act, Acts
from slips.console.auditing import Audits
from slips.console.desk import Desk, Recent
from slips.console.guard import FORM_TOKEN, HEADER_TOKEN, Keys, form_pairs
from slips.console.mending import Mending
from slips.console.pages import STATIC, render
from slips.console.plans import ActProposal, ActRequest
from slips.errors import SlipsError, UsageError
from slips.model import LANES
from slips.pipeline.audit import AUDIT_STATES
from slips.pipeline.audit_words import REASONS, STARTS
from slips.pipeline.choose import Choice
from slips.pipeline.groups import by_mapping, latest
from slips.pipeline.overview import Rates

NOW_SECONDS = {False: 2.0, True: 60.0}
"""The least age of what the page NOW shows before it is read again, on this machine and on a stack: there each look
reads the error table, which costs money."""
PATIENCE_SECONDS = 1.0
"""The `patience` of a console for people."""
POLL_SECONDS = {False: 5, True: 60}
"""Seconds between two refreshes of that page."""
NAVIGATION = (("Now", "/"), ("Errors", "/errors"), ("Objects", "/objects"), ("Try", "/try"))
ENCODED = "fields"
"""The name of the field of a form that has others."""
MOST_NAME = 255
"""Characters of the name of a file to try, the last."""
Answer = Callable[["Console", Request], Response]


class Console:
    """The pages of one place."""

    def __init__(self, desk: Desk, keys: Keys, *, patience: float = PATIENCE_SECONDS) -> None:
        """`patience`: seconds after which a page is shown without what takes longer to count."""
        self.desk, self.keys, self.patience = desk, keys, patience
        seconds = NOW_SECONDS[desk.is_stack]
        self.survey = Recent(self._survey, seconds=seconds)
        self.now = Recent(lambda: self._now(count_ledger=not desk.is_stack), seconds=seconds)
        self.acts = Acts(desk, self._changed)
        self.audits = Audits(desk)
        self.name = desk.name()
        self._rates = Rates()
        self.again = threading.Lock()
        """Held while an error is run again: its handler has real effects."""
        self._counted: now.Now | None = None
        """The state that was read with all of a stack's ledger."""

    def _survey(self) -> failing.Survey:
        return self.surveyed(Choice())

    def surveyed(self, choice: Choice) -> failing.Survey:
        """Group the chosen error items. Raises UsageError for a malformed time."""
        name = by_mapping(self.desk.mapping_config())
        with self.desk.operations() as operations:
            at = self.desk.clock()
            return failing.survey(choice.of_table(operations.errors, at), name, at)

    def _now(self, *, count_ledger: bool) -> now.Now:
        lanes = self.survey.get().lanes
        with self.desk.operations() as operations:
            found = now.read(self.desk, operations, lanes, self.audits, count_ledger=count_ledger)
        if not count_ledger and self._counted is not None:
            counted = self._counted
            found.objects, found.tally, found.counted_at = counted.objects, counted.tally, counted.as_of
        return found

    def look(self) -> now.Now:
        """Return the state of the place with lanes of this moment; if counting takes longer, without the counts yet.

        On a stack each look at the lanes costs money, too.
        """
        counted = self.now.get_within(self.patience)
        if counted is not None and self.desk.is_stack:
            return counted
        with self.desk.operations() as operations:
            found = now.glance(self.desk, operations, counted)
        self._rates.look(found.service)
        found.rates = {lane: self._rates.of(lane)[1] for lane in LANES}
        return found

    def count_all(self) -> now.Now:
        """Read all of the ledger, too. On a stack the page shows these counts from then on, with their time."""
        found = self._now(count_ledger=True)
        self._counted = found
        return found

    def _changed(self) -> None:
        self.survey.forget()
        self.now.forget()

    def places(self) -> list[str]:
        """Return the mapped prefixes of the config, to search in."""
        config = self.desk.mapping_config()
        buckets = {} if config is None else config.bucket_mapping
        return [f"{bucket}/{each.beginning}" for bucket, mappings in buckets.items() for each in mappings]

    def propose(self, fields: Sequence[tuple[str, str]]) -> ActProposal:
        """Look at what an act would do, and change nothing. Raises UsageError."""
        act = dict(fields).get("act", "")
        if act in ("audit", "repair"):
            return self.audits.propose(act)
        if act in pausing.ACTS:
            with self.desk.operations() as operations:
                return pausing.propose(dict(fields), self.desk, operations)
        with self.desk.operations() as operations:
            return plans.propose(ActRequest.of(fields), self.desk, operations)

    def work(self, fields: Sequence[tuple[str, str]]) -> Callable[[Act], None]:
        """Return the function that does an act."""
        match dict(fields).get("act", ""):
            case "audit":
                return self.audits.audit
            case "repair":
                return self.audits.repair
            case "pause" | "resume":
                return pausing.work(dict(fields), self.desk)
        return Mending(self.desk, ActRequest.of(fields))

    def page(self, template: str, path: str, status: int = 200, **values: Any) -> Response:
        """Render a page, of which `path` is the entry of the navigation."""
        desk = self.desk
        known = {
            **{"console": self, "desk": desk, "path": path, "navigation": NAVIGATION, "at": desk.clock()},
            **{"form_token": self.keys.form, "form_token_name": FORM_TOKEN, "read_only": desk.read_only},
            **{"act": self.acts.last, "with_evidence": self.acts.with_evidence, "name": self.name},
        }
        return HTMLResponse(render(template, {**known, **values}), status)

    def problem(self, error: Exception) -> Response:
        """Show an error on a page of its own; of a bug the terminal has all."""
        status = HTTPStatus.BAD_REQUEST if isinstance(error, UsageError) else HTTPStatus.INTERNAL_SERVER_ERROR
        text = str(error)
        if not isinstance(error, SlipsError):
            traceback.print_exception(error, file=sys.stderr)
            text = f"this is a bug of slips: {type(error).__name__}; the terminal of the console has more"
        return self.page("problem.html", "", status, problem=text)


def query(request: Request) -> dict[str, list[str]]:
    """Return the parameters of the URL. Bytes that are not UTF-8 are spelled out: no id or key has such."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.url.query, errors="backslashreplace"):
        found.setdefault(name, []).append(value)
    return found


def fields(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields of a form, those among them that stand in one field, encoded as in a URL.

    HTML cannot carry every character of a key.
    """
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        found += parse_qsl(value, errors="backslashreplace") if name == ENCODED else [(name, value)]
    return found


def first(values: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a parameter, or an empty text."""
    return values.get(name, [""])[0]


# -- pages


def show_now(console: Console, request: Request) -> Response:
    template = "now_poll.html" if request.url.path == "/live" else "now.html"
    is_asked = first(query(request), "count")  # for all of a stack's ledger, which costs money to read
    found = console.count_all() if is_asked else console.look()
    return console.page(template, "/", now=found, poll=POLL_SECONDS[console.desk.is_stack] if found.is_counted else 2)


def show_errors(console: Console, request: Request) -> Response:
    values = query(request)
    choice = plans.chosen(values)
    found = console.survey.get() if choice == Choice() else console.surveyed(choice)
    return console.page(
        "errors.html",
        "/errors",
        survey=found,
        choice=choice,
        most=failing.MOST_GROUPS,
        titles=plans.TITLES,
        command=console.desk.command("errors", "--group", *plans.options(choice)),
    )


def show_objects(console: Console, request: Request) -> Response:
    values = query(request)
    search = msgspec.convert({name: first(values, name) for name in objects.ASKED}, objects.Search)
    if search.place:
        with console.desk.site(DRAINING) as (site, operations):
            objects.search(search, site, operations, console.desk.clock())
    audit, counted = console.audits.read(), console.now.get_within(console.patience)
    return console.page(
        "objects.html",
        "/objects",
        search=search,
        audit=audit,
        is_noted=audit is not console.audits.last,
        calendar=objects.calendar(console.audits.last, None if counted is None else counted.tally),
        places=console.places(),
        states=objects.STATES,
        audit_states=AUDIT_STATES,
        reasons=REASONS,
        starts=STARTS,
    )


def show_error(console: Console, request: Request) -> Response:
    values = query(request)
    text = first(values, "id")
    with console.desk.operations() as operations:
        item, group = latest(operations.errors, text, mapping=by_mapping(console.desk.mapping_config()))
    alike = next((each for each in console.survey.get().groups if each.group.fingerprint == item.fingerprint), None)
    return console.page(
        "error.html",
        "/errors",
        item=item,
        group=group,
        alike=alike,
        record=raw.read_record(console.desk, item) if first(values, "raw") and item.seq and item.events else None,
        hex_dump=failing.hex_dump,
        titles=plans.TITLES,
        commands=[
            console.desk.command("error", *plans.arguments(item.request_id)),
            console.desk.command("test", "-r", item.request_id),
        ],
    )


def show_proposal(console: Console, request: Request) -> Response:
    proposal = console.propose(fields(parse_qsl(request.url.query, errors="backslashreplace")))
    return console.page("proposal.html", proposal.page, proposal=proposal)


def show_act(console: Console, request: Request) -> Response:
    template = "act_live.html" if request.url.path == "/act/live" else "act.html"
    return console.page(template, "/errors")


def save_evidence(console: Console, request: Request) -> Response:
    number = first(query(request), "act")
    act = next((each for each in console.acts.with_evidence if number in ("", str(each.number))), None)
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {"content-disposition": 'attachment; filename="slips-dismissed.json"'}
    return Response(b"[" + b",\n ".join(act.evidence) + b"]\n", media_type="application/json", headers=headers)


# -- acts


def start_act(console: Console, request: Request) -> Response:
    asked = fields(form_pairs(request.state.body))
    proposal = console.propose(asked)
    console.acts.start(
        console.work(asked),
        title=proposal.title,
        command=proposal.command,
        total=proposal.total,
        noun=proposal.noun,
    )
    return RedirectResponse("/act", HTTPStatus.SEE_OTHER)


def show_try(console: Console, _request: Request) -> Response:
    return console.page("try.html", "/try", most=trying.MOST_BYTES)


def try_log(console: Console, request: Request) -> Response:
    values, body = query(request), request.state.body
    if is_script := HEADER_TOKEN in request.headers:  # it sends the beginning of a file
        name = first(values, "name")[-MOST_NAME:] or "log"
        content, whole, file = body, first(values, "whole") == "1", name
    else:
        text = dict(form_pairs(body)).get("text", "").replace("\r\n", "\n")
        name, content, whole, file = "pasted.log", text.encode("utf-8", "replace"), True, "-"
    try:
        found = trying.try_log(name, content, whole=whole, stop=console.desk.closing)
    except SlipsError as error:
        shown: dict[str, Any] = {"problem": str(error)}
    else:
        commands = [console.desk.command("infer", *plans.arguments(file))]
        if found.chains:
            commands.append(console.desk.command("parse", *plans.arguments(found.chains[0].config, file)))
        shown = {"tried": found, "commands": commands, "is_pasted": file == "-", "hex_dump": failing.hex_dump}
    return console.page("try_result.html" if is_script else "try.html", "/try", most=trying.MOST_BYTES, **shown)


def run_again(console: Console, request: Request) -> Response:
    text = dict(fields(form_pairs(request.state.body))).get("id", "")
    with console.desk.operations() as operations:
        item, _ = latest(operations.errors, text)
    if not console.again.acquire(blocking=False):
        raise UsageError("an error is being run again; expected one at a time; wait for its end")
    try:
        output = child.run_again(console.desk, item.request_id)
    finally:
        console.again.release()
    return console.page(
        "again.html",
        "/errors",
        item=item,
        output=output,
        test=console.desk.command("test", "-r", item.request_id),
        seconds=child.AGAIN_SECONDS,
    )


def _answering(console: Console, answer: Answer, *, changes: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of an answer. One that `changes` something is refused by a console that only reads."""

    async def endpoint(request: Request) -> Response:
        if changes and console.desk.read_only:
            return console.page("problem.html", "", HTTPStatus.FORBIDDEN, problem=READ_ONLY)
        request.state.body = await request.body()
        try:
            return await run_in_threadpool(answer, console, request)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: a page shows it
            return await run_in_threadpool(console.problem, error)

    return endpoint


READ_ONLY = "this console only reads: it was started with '--read-only'; the command does the same in a terminal"


def make_app(console: Console) -> Starlette:
    """Return the application behind the Guard."""

    def get(path: str, answer: Answer) -> Route:
        return Route(path, _answering(console, answer), methods=["GET"])

    def post(path: str, answer: Answer, *, changes: bool = True) -> Route:
        return Route(path, _answering(console, answer, changes=changes), methods=["POST"])

    async def missing(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        return console.page("problem.html", "", status, problem="there is no such page")

    return Starlette(
        routes=[
            get("/", show_now),
            get("/live", show_now),
            get("/errors", show_errors),
            get("/error", show_error),
            get("/objects", show_objects),
            get("/plan", show_proposal),
            get("/act", show_act),
            get("/act/live", show_act),
            get("/act/evidence", save_evidence),
            get("/try", show_try),
            post("/try", try_log, changes=False),
            post("/acts", start_act),
            post("/again", run_again),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={HTTPStatus.NOT_FOUND: missing, HTTPStatus.METHOD_NOT_ALLOWED: missing},
    )
