"""The console script `slips`, which is `python -m slips`, too.

It imports the commands itself, so that Ctrl-C ends it in the same words while Python still reads them, which can take
a second.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Import the commands, and run the one of the command line."""
    try:
        from slips import cli
    except KeyboardInterrupt:
        print("slips: interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
