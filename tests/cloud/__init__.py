"""A stand-in of AWS for tests: moto over HTTP on loopback, with what moto lacks and slips needs.

    Cloud            what tests hold; starts the server in a process of its own    client.py
    the front door   who calls, may they, does a fault strike, who answers          gate.py access.py faults.py
    CloudFormation   change sets, events, roll-backs; one class a resource type     cloudformation.py resources.py
    Lambda           the API, asynchronous events; a real runtime process each      functions.py runtime.py
    what moves       Kinesis and SQS mappings; SNS, S3 and EventBridge deliveries   mappings.py deliveries.py

The servers never leave this machine, and the process ends with the one that started it.
"""

from __future__ import annotations

from cloud.access import allows
from cloud.client import Cloud

__all__ = ["Cloud", "allows"]
