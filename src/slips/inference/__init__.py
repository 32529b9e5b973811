"""Finds the chains that fit an unknown log, by trying the catalogue on its first records.

    rank.py         the chains for a log, best first: the way through the modules below
    containers.py   archives and Parquet files around a log
    beginning.py    the beginning of it on which chains are tried
    attempts.py     which chains are tried: formats alone, in arrays, behind headers
    trial.py        the first records through a chain
    candidate.py    a chain that made events, and its score
    likeness.py     how like an event is to those of a format's sample
    traits.py       formats of no vendor, headers, notations, formats of any line
    precedence.py   which candidate precedes another that reads the same log
    tables.py       CSV with a header, of no product
    markup.py       the elements of XML that are records, of no product
    several_lines.py    where records with stack traces begin, of no product
    meaning.py      which fields have the time, the message, and what every record has
    naming.py       which fields name addresses, users, hosts, domains, hashes
    kinds.py        which objects of a folder are of one kind
    hint.py         the format that the bad records of a wrong mapping seem to be of

Nothing here guesses while a log is processed: people ask, and the error of a mapping that does not fit.
"""
