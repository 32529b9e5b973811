"""Sites: a config with its ports filled, on AWS or on this machine.

protocols   declares what stations see of a site
function    the site of a stack's function
worker      the site of a process of this machine that runs handlers
machine     the site of this machine, with its state
stack       the site of a stack for operators

Stations are functions of a site, and import no backend. A port is made, and its backend imported, when a station first
uses it: a function on AWS must not pay for a client that it does not need, and a stack of the original slips has no
ledger. Only `slips.place`, which picks the site of an operator's command, also knows which backend a site has.
"""
