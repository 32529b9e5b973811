"""The whole chain on this machine, from S3 to the ledger, on the tests' stand-in of AWS.

Functions are real Lambda runtime processes, all else is one process that answers for AWS: this measures what slips and
the stand-in do together, and shows when either gets slower. It says nothing about how fast AWS is.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import functions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cloud import Cloud
from deployed import Deployed

CONFIG = (
    functions.CONFIG.replace("backend:", "base: {sam: {code_bucket: code}}\nbackend:")
    .replace("path: handler.py", "path: src/handler.py")
    .replace("format: cloudtrail", "format: [s3-lines, json]")
)
BODY = [{"n": number} for number in range(10)]
ALONE = 20
"""Objects put one by one, each when the one before is done: how long one takes, waiting for nothing."""


def report(build: Path, objects: int) -> None:
    """Prints objects per second of `objects` put at once, and the time from put to done of one that is alone."""
    if find_spec("awslambdaric") is None:
        sys.exit("bench: awslambdaric is not installed; expected it to run the functions; run 'make bench'")
    project = build / "chain"
    shutil.rmtree(project, ignore_errors=True)
    (project / "cloud").mkdir(parents=True)
    with Cloud.start(project / "cloud") as cloud:
        for bucket in ("bench", "code"):
            cloud.client("s3").create_bucket(Bucket=bucket)
        chain = Deployed(cloud, project, CONFIG, functions.HANDLER)
        chain.deploy()
        _put(chain, "warm", ALONE)
        chain.settle()
        alone = []
        for number in range(ALONE):
            put = _put(chain, f"alone-{number}", 1)
            chain.settle()
            alone.append(_done(chain, f"alone-{number}", 1) - put)
        put = _put(chain, "many", objects)
        chain.settle()
        seconds = _done(chain, "many", objects) - put
    print(
        f"chain on this machine      {objects / seconds:.0f} objects/s, put → done "
        f"{statistics.median(alone) * 1000:.0f} ms (median of {ALONE})"
    )


def _put(chain: Deployed, name: str, objects: int) -> float:
    """Objects under a prefix; gives the time before the first, in epoch seconds."""
    begun = time.time()
    for number in range(objects):
        chain.put("bench", f"{name}/{number}.log", BODY)
    return begun


def _done(chain: Deployed, name: str, objects: int) -> float:
    """When the last of them was done, by the ledger, in epoch seconds. All must be."""
    done = [entry.updated_at for entry in chain.entries if entry.status == "done" and entry.key.startswith(f"{name}/")]
    assert len(done) == objects, f"{len(done)} of {objects} objects are done"
    return max(done)
