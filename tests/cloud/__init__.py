"""A stand-in of AWS for tests: moto over HTTP on loopback, with what moto lacks and slips needs.

    Cloud            what tests hold; starts the server in a process of its own       client.py
    plugin           the fixture `cloud`: an empty account for each test              plugin.py
    the server       all parts behind one port, and what `Cloud` asks for             server.py
    the front door   who calls, may they, does a fault strike, who answers            gate.py
                     policies; credentials and roles; ordered faults                  access.py identity.py faults.py
    CloudFormation   stacks and change sets; its language; one class a resource type  cloudformation.py templates.py
                                                                                      resources.py
    Lambda           its API; functions; one real process each; events; logs          lambda_api.py functions.py
                                                                                      runtime.py events.py logs.py
    what moves       Kinesis and SQS mappings; SNS, S3, EventBridge deliveries        mappings.py deliveries.py

The servers never leave this machine, and the process ends with the one that started it.
"""

from __future__ import annotations

from cloud.access import allows
from cloud.client import Cloud

__all__ = ["Cloud", "allows"]
