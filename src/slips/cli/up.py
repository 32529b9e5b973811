"""`up`: processes what arrives on this machine, until it is stopped."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from functools import partial

import click

from slips.brakes import BREAK_AT
from slips.cli.command import Command
from slips.cli.context import config_file, load_config, refuse_stack
from slips.cli.log_lines import LogLines
from slips.cli.options import global_option, options
from slips.cli.usage import Number, OneOf
from slips.config import load
from slips.place import open_state
from slips.service.daily_audit import DailyAudit
from slips.service.endpoint import address_of, listen
from slips.service.exposure import exposed
from slips.service.interrupts import Interrupts
from slips.service.observer import Observers
from slips.service.supervisor import Supervisor
from slips.service.up import GRACE_SECONDS, Up, later, sources_of, with_time_limit

LOCK_SECONDS = 10.0
"""Seconds to wait for a state that another process has locked, before that is shown as trouble."""


@click.command(cls=Command)
@click.option(
    "--workers",
    metavar="N",
    type=Number(1),
    help="Worker processes; default: handler.concurrency, or one per CPU and one more. "
    "Of several, one is kept for short objects of the fast lane.",
)
@click.option(
    "--grace",
    metavar="SECONDS",
    type=Number(0, 3600),
    default=int(GRACE_SECONDS),
    show_default=True,
    help="Time for objects at work to end when the service is stopped.",
)
@click.option(
    "--log-format",
    metavar="FORMAT",
    type=OneOf(("text", "json")),
    default="text",
    show_default=True,
    help="Log lines as text or as JSON, on standard error.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Answer /metrics, /healthz and /readyz there: 127.0.0.1:9464, [::1]:9464.",
)
@global_option("verbose", "Log each object, also if its handlers return nothing.")
@global_option("stack", hidden=True)  # refused in words
@global_option("aws", hidden=True)
@click.pass_context
def up(ctx: click.Context, workers: int | None, grace: int, log_format: str, metrics: str | None) -> None:
    """Process what arrives, as a service, until it is stopped.

    Takes files of the directories of 'backend.embedded.buckets' when they are at rest ('backend.embedded.settle'),
    objects of its buckets in S3 by listing, queue or notification, and what waits on the lanes. Loads a changed handler
    or config before the next object. Ctrl-C or SIGTERM stops it: objects at work may end, the rest waits for the next
    start. A second one ends it at once; nothing is lost. What handlers return from result() is logged.

    \b
    Examples:
      slips up
      slips up --workers 4 -v
      slips up --log-format json 2>> slips.log
      slips up --metrics 127.0.0.1:9464
    """
    refuse_stack(ctx, "up")
    config, path, given = with_time_limit(load_config(ctx)), config_file(ctx), options(ctx)
    log = LogLines(as_json=log_format == "json", verbose=given.verbose)
    with (
        closing(listen(metrics, "--metrics")) if metrics is not None else nullcontext() as listening,
        open_state(config, log.warned, wait=LOCK_SECONDS) as state,
        state.exclusive(),
    ):
        interrupts, observers = Interrupts(), Observers([log])
        supervisor = Supervisor(
            config,
            state,
            observers,
            workers=workers,
            endpoint_url=given.endpoint_url,
            region=given.region,
            interrupts=interrupts,
            pause=later,
            endless=True,
            prints="json" if log_format == "json" else "lines",
            break_at=BREAK_AT,
        )
        audits = DailyAudit(state, endpoint_url=given.endpoint_url, region=given.region)
        sources = partial(sources_of, endpoint_url=given.endpoint_url, region=given.region)
        service = Up(supervisor, lambda: with_time_limit(load(path)), grace=grace, make_sources=sources, audits=audits)
        interrupts.first = service.stop
        with (
            interrupts,
            exposed(
                state,
                config,
                lambda: supervisor.config,
                command=" ".join(["slips", *sys.argv[1:]])[:150],
                listening=listening,
                workers=lambda: supervisor.workers,
            ) as shown,
        ):
            observers.add(shown)
            if listening is not None:
                url = f"http://{address_of(listening)}/"
                log.write("info", f"metrics and probes at {url}", url=url)
            service.serve()
