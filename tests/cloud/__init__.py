"""A stand-in of AWS for tests: moto over HTTP on loopback, with what moto lacks and slips needs.

Map: what each module stands for
    client.py          `Cloud`, which tests hold: starts the server, makes clients, orders faults, waits, looks
    plugin.py          the fixture `cloud`: an empty account for each test, one server for each pytest process
    server.py          the server's process: all parts behind one port, and the control API that `Cloud` asks
    gate.py            the front door of every call
    access.py          what a call needs, and whether a policy document grants it
    identity.py        temporary credentials; which role, function and process a call comes from
    faults.py          the faults that tests have ordered
    cloudformation.py  the API of stacks and change sets
    stacks.py          a stack: its resources, events and change sets, and what a template would change
    stack_changes.py   makes, changes and deletes the resources of stacks; roll-backs
    templates.py       CloudFormation's template language, and AWS's schemas of resources
    resources.py       what CloudFormation does for a resource: one class a type
    lambda_api.py      the API of Lambda
    functions.py       Lambda's functions: environments, concurrency, logs of the platform, destinations
    runtime.py         one execution environment: a real `awslambdaric` process
    forks.py           starts these processes: forks them from one that has imported what AWS's runtime has
    events.py          asynchronous invocations: queue, retries, on-failure records
    mappings.py        event source mappings of Kinesis and SQS: batches, retries, bisecting, discarded batches
    deliveries.py      what SNS, S3 and EventBridge deliver by themselves, if policies let them
    logs.py            what functions print, on its way to CloudWatch Logs

How a call goes through
    An AWS SDK sends it to the one port (AWS_ENDPOINT_URL). `Gate` parses it by AWS's own model, finds the caller by the
    access key, asks `access.needs` which permissions the call takes and `identity.role_allows` whether the role has
    them, lets `Faults` strike, and hands the call on: to `LambdaApi`, to `CloudFormation`, or, one at a time, to moto.
    The administrator, who is any key that the stand-in did not issue, may do everything. What a service does for a role
    (a mapping's reads, a function's log lines) is a call with the role's credentials, too.

How an object moves
    S3 put → deliveries → EventPusher → Kinesis in moto → mappings → Dispatcher → events → MainFunc → DynamoDB in moto;
    each function is a process that sees its package and boto3, and nothing of this virtual environment.

How a test orders a fault
    cloud.fault("kinesis", "PutRecords", refuse=2)         the next call refuses its first two records
    cloud.fault("s3", "GetObject", cut=100, times=3)       three bodies break off after 100 bytes
    cloud.fault("dynamodb", "UpdateItem", kill="after")    the process that calls dies when the call has taken place
    cloud.fail_resource("Ledger", "no room")               CloudFormation fails with a resource
    `faults.Fault` has all effects, and which calls they strike. After a put, `cloud.wait_idle()` waits until nothing
    moves; then `invocations`, `logs`, `used` and `denied` say what happened.

What it does not do
    It knows one account and one region. Policies are read without conditions, but for those of resource policies that
    name a source. Times are short (`functions.Settings`): retries wait milliseconds, and a function that overruns is
    killed later than AWS would, so that a busy machine changes no result. Dashboards, alarms and X-Ray are stored and
    do nothing. A property or an operation that it does not know is an error, never left out in silence.

The servers never leave this machine, and the process ends with the one that started it.
"""

from __future__ import annotations

from cloud.access import allows
from cloud.client import Cloud

__all__ = ["Cloud", "allows"]
