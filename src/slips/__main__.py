"""`python -m slips` is `slips`."""

from slips.cli import main

main()
