"""Writes the declaration of a new format from a log, with a sample and what comes of it: `slips formats --new`.

layout      guesses the family of the lines, and the arguments of the family
trial       runs a declaration, or a chain, on the bytes of a log
write       writes the files
accept      writes anew what comes of the sample, after a change of the declaration

`slips.inference.meaning` guesses which fields have the time, the message, and what every record has;
`slips.inference.naming` those that name addresses, users, hosts, domains and hashes.
"""
