"""Finds the chains that fit an unknown log, by trying the catalogue on its first records.

    likeness.py   how like an event is to those of a format's sample     trial.py   the first records through a chain
    rank.py       which chains are tried, and their order            hint.py    for the error of a wrong mapping
    containers.py   archives and Parquet files around a log         tables.py   CSV with a header, of no product
    meaning.py      which fields have the time, the message, and what every record has
    kinds.py        which objects of a folder are of one kind
    naming.py    which fields name addresses, users, hosts, domains, hashes

Nothing here guesses while a log is processed: people ask, and the error of a mapping that does not fit.
"""
