"""Speed and memory of the whole path, as ratios to what runs beside it: `make bench`, in a minute `make bench-quick`.

docs/performance.md says what each figure means, and has the figures of a run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import chain
import costs
import formats
import functions
import hostile
import hostile_lines
import ledger
import memory
import service
import small_objects
import speed
import workers

BUILD = Path(__file__).parents[1] / "build" / "bench"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="the ratios of the hot path, in about a minute")
    arguments.add_argument("--repeats", type=int, help="how often each path runs (7; quick: 3)")
    arguments.add_argument("--megabytes", type=int, help="size of each corpus (50; quick: 10)")
    arguments.add_argument(
        "--only", action="append", default=[], help="a row of the table, as 'syslog'; may be repeated"
    )
    arguments.add_argument("--memory-megabytes", type=int, default=1_000, help="size of the large objects")
    arguments.add_argument("--objects", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="in the ledger")
    arguments.add_argument("--no-memory", action="store_true", help="speed only")
    arguments.add_argument("--no-chain", action="store_true", help="without the functions on a stand-in of AWS")
    arguments.add_argument("--no-hostile", action="store_true", help="without bombs and slow inputs")
    options = arguments.parse_args()
    repeats = options.repeats or (3 if options.quick else 7)
    speed.report(BUILD, options.megabytes or (10 if options.quick else 50), repeats, tuple(options.only))
    if options.only:
        return
    small_objects.report(2_000 if options.quick else 10_000, 1 if options.quick else 3)
    if options.quick:
        return
    workers.report(BUILD, options.megabytes or 50, repeats)
    service.report(BUILD, 20_000)
    ledger.report(BUILD, options.objects)
    functions.report(BUILD, repeats)
    costs.report()
    if not options.no_memory:
        memory.report(BUILD, options.memory_megabytes)
    if not options.no_chain:
        chain.report(BUILD, 200)
    if not formats.report():
        sys.exit("bench: a format is slow without a reason")
    if not options.no_hostile and not all([hostile.report(BUILD / "hostile"), hostile_lines.report()]):
        sys.exit("bench: an input breaks a bound")


if __name__ == "__main__":
    main()
