"""The process of the stand-in: moto and everything around it behind one port, and a small control API for tests.

Run as `python -m cloud.server FOLDER SETTINGS`, settings as JSON; prints its port, ends when its standard input does.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import moto.core.utils
from moto import backends
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cloud.cloudformation import CloudFormation
from cloud.deliveries import Deliveries
from cloud.events import Events
from cloud.faults import Fault, Faults
from cloud.functions import Functions, Settings
from cloud.gate import Gate, Ledger
from cloud.identity import Caller, Identities
from cloud.lambda_api import LambdaApi
from cloud.logs import LogCarrier
from cloud.mappings import Mappings
from cloud.quicker import quicken
from cloud.runtime import link_runtime

CONTROL = "/_cloud/"


class Server:
    def __init__(self, folder: Path, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.faults, self.ledger = Faults(), Ledger()
        server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Handler)
        self._server = server
        self.identities = Identities(f"http://127.0.0.1:{server.server_port}")
        self.logs = LogCarrier(self.identities)
        self.functions = Functions(self.identities, self.logs, folder, link_runtime(folder / "runtime"), settings)
        self.events = Events(self.functions)
        api = LambdaApi(self.functions, self.events)
        self.mappings = Mappings(api, self.functions, self.lock)
        self.cloudformation = CloudFormation(self.identities.admin)
        deliveries = Deliveries(self.functions, self.events)
        deliveries.take_over()
        _keep_module_names()
        _share_loader()
        quicken()
        moto_app = DomainDispatcherApplication(create_backend_app)
        self.gate = Gate(moto_app, self.identities, self.faults, self.ledger, self.lock, self.functions.kill)
        self.gate.own = {"lambda": api, "cloudformation": self.cloudformation}
        self.gate.checks = {("s3", "PutBucketNotificationConfiguration"): deliveries.check_notifications}
        self.gate.additions = {("s3", "GetBucketNotificationConfiguration"): deliveries.add_eventbridge}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CONTROL):
            return self.gate(environ, start_response)
        arguments = json.loads(Request(environ).get_data() or b"{}")
        answer = getattr(self, f"control_{path.removeprefix(CONTROL)}")(**arguments)
        return Response(json.dumps(answer), content_type="application/json")(environ, start_response)

    def serve(self) -> None:
        sys.stdout.write(f"{self._server.server_port}\n")
        sys.stdout.flush()
        self._server.serve_forever()

    # --- the control API: what `client.py` asks for ---

    def control_fault(self, **rule: Any) -> None:
        self.faults.add(Fault(**rule))

    def control_clear_faults(self) -> None:
        self.faults.clear()

    def control_fail_resource(self, resource: str, reason: str, times: int) -> None:
        self.cloudformation.order_failure(resource, reason, times)

    def control_used(self) -> list[tuple[str, str, str]]:
        return self.ledger.used()

    def control_denied(self) -> list[tuple[str, str, str]]:
        return self.ledger.denied()

    def control_credentials(self, role: str) -> dict[str, str]:
        return self.identities.issue(Caller(role))

    def control_invocations(self, function: str) -> list[dict[str, Any]]:
        made = list(self.functions.invocations)
        return [dataclasses.asdict(one) for one in made if function in one.function]

    def control_logs(self, function: str) -> str:
        return self.logs.text(self.functions.get(function).name)

    def control_kill_running(self, function: str) -> int:
        return self.functions.kill_running(function)

    def control_running(self, function: str) -> int:
        return self.functions.get(function).running

    def control_settings(self, **changes: Any) -> dict[str, Any]:
        """The settings that these took the place of."""
        before = {name: getattr(self.functions.settings, name) for name in changes}
        for name, value in changes.items():
            setattr(self.functions.settings, name, value)
        return before

    def control_wait_idle(self, timeout: float) -> list[str]:
        """Names what is still at work at the deadline; an empty list means that all came to rest."""
        deadline = time.monotonic() + timeout
        while True:
            before = self.functions.activity
            busy = self._busy()
            time.sleep(0.01)
            if not busy and before == self.functions.activity and not self._busy():
                return []
            if time.monotonic() > deadline:
                return busy or ["something that had begun just now"]

    def _busy(self) -> list[str]:
        found = [mapping.source for mapping in self.mappings.mappings.values() if not mapping.idle]
        if self.events.queued:
            found.append(f"{self.events.queued} asynchronous events")
        if self.functions.running:
            found.append(f"{self.functions.running} invocations")
        if self.logs.busy:
            found.append("logs on their way")
        return found

    def control_reset(self) -> None:
        self.faults.clear()  # first: it lets calls go that a fault holds
        self.cloudformation.reset()
        self.mappings.reset()
        self.events.reset()
        self.functions.reset()
        self.events.settle()
        self.logs.clear()
        with self.lock:
            BackendDict.reset()
            reset_model_data()
        self.identities.reset()
        self.ledger.clear()


def _share_loader() -> None:
    """moto and botocore make a loader for each service and session, each of which looks through all models anew."""
    for module in (botocore.session, moto.core.utils):
        vars(module)["create_loader"] = cache(vars(module)["create_loader"])


def _keep_module_names() -> None:
    """moto looks through its directory in each request, which takes longer than most answers."""
    names = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: names


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """No line for each request."""


def main(folder: str, settings: str) -> None:
    warnings.filterwarnings("ignore", ".* does not match an error shape")  # AWS's models leave out common errors
    gc.set_threshold(50_000, 20, 1_000)  # moto keeps so many objects, and copies so many for an answer
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    server = Server(Path(folder), Settings(**json.loads(settings)))
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()  # ends with the process that started this one
    server.mappings.reset()
    server.functions.close()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
