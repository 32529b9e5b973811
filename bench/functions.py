"""The functions on AWS: the size of their package, and what slips adds to a cold start, beside what AWS's SDK costs."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

from slips.config import Config, load
from slips.deploy import package

CONFIG = f"""\
stack_name: bench
backend: {{s3_direct: true}}
handler:
  path: handler.py
  runtime: python3.{sys.version_info.minor}
  architecture: {"arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"}
bucket_mapping: {{bench: [{{prefix: '', format: cloudtrail}}]}}
"""

HANDLER = """\
import slips.interface


class Count(slips.interface.Handler):
    def recv(self, meta, event):
        pass
"""

SDK = """
import botocore.session
from botocore.config import Config
session = botocore.session.Session()
for service in ("s3", "dynamodb", "kinesis"):
    session.create_client(service, region_name="us-east-1", config=Config(tcp_keepalive=True))
"""
"""What a function that uses these three services pays in any case."""

SLIPS = """
import os
import slips.lambdas
from slips.pipeline import invocation, process
site = slips.lambdas.LambdaSite(os.environ)
site.loader.handlers_of(site.config.handlers[0])
"""
"""Everything that the main func needs before its first object, but for the SDK."""

BOTH = """
import os
import slips.lambdas
from slips.pipeline import invocation
site = slips.lambdas.LambdaSite(os.environ)
slips.lambdas._processor(site), site.loader.load(site.config.handlers), site.stream, site.ledger, site.errors
"""


def report(build: Path, repeats: int) -> None:
    """Prints the sizes, and least CPU milliseconds of cold starts taken by turns."""
    project = build / "functions"
    project.mkdir(parents=True, exist_ok=True)
    (project / "slips.yml").write_text(CONFIG)
    (project / "handler.py").write_text(HANDLER)
    config: Config = load(project / "slips.yml")
    packed = package.build(config, compiles=True)
    print(f"package of the functions   {packed.summary()}")
    root = project / packed.key.removesuffix(".zip")
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        archive.extractall(root)
    least = dict.fromkeys((SDK, SLIPS, BOTH), float("inf"))
    for _ in range(repeats):
        for code in least:
            least[code] = min(least[code], _cpu_milliseconds(code, root))
    sdk, slips, both = least.values()
    print(
        f"cold start, CPU            slips {slips:.0f} ms = {slips / sdk:.2f} of the SDK's clients ({sdk:.0f} ms); "
        f"both {both:.0f} ms"
    )


def _cpu_milliseconds(code: str, root: Path) -> float:
    """CPU time of `code` in a fresh interpreter that has the package and, behind it, the SDK."""
    found = find_spec("botocore")
    assert found is not None
    assert found.origin is not None
    script = (
        "import sys, time\n"
        f"sys.path.insert(0, {str(root)!r})  # before the slips that this environment has\n"
        f"sys.path.append({str(Path(found.origin).parents[1])!r})\n"
        f"begun = time.process_time()\n{code}\nprint((time.process_time() - begun) * 1000)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "SLIPS_FAST_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/fast",
        "SLIPS_SLOW_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/slow",
        "SLIPS_ERROR_TABLE": "errors",
        "SLIPS_LEDGER_TABLE": "ledger",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
