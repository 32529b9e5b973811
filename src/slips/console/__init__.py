"""The web console: pages for a browser, over the same operations as the commands.

guard       lets in whoever has the token, refuses what another site sends, and sets the headers of each answer
server      listens, prints the URL, and ends on a signal
app         names the pages, and answers errors
desk        opens the place that the pages show, and words the command that does the same
now         reads what the page NOW shows: balance, lanes, failing, audit
failing     reads groups of errors and one error; `plans` says what an act on them will do
objects     finds objects below a prefix with their state, and lays out when they came
acts        does one act at a time in the background: `mending` drains and dismisses, `auditing` audits and repairs,
            `pausing` pauses lanes
child       runs in processes of their own the user's code and, for `trying` and `raw`, what reads logs
pages       renders templates; `wording` formats numbers and times, `drawing` draws SVG

Nothing here shows a text of a log, a key or a message that is not escaped, and nothing changes the place but an act.
"""
