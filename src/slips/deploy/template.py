"""The stack as plain CloudFormation: a checked config in, a template out.

Pure: the same config and code give the same template, byte for byte; nothing is read and nobody is asked. What the
config gives by ARN (streams, tables, topics, roles) is used and not made. Each part of the stack is one function below,
in the order in which an object travels. `permissions` says what the roles may do.

No name is fixed but the dashboard's: CloudFormation makes names that are unique and short enough for any stack name, so
two stacks, or a stack and what is left of its forerunner, never collide. Outputs tell them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from msgspec import Struct

from slips.backends.aws import DISPATCHERS, FUNCTIONS, STREAMS
from slips.backends.aws.lanes import DISPATCHER_SECONDS, records_at_once
from slips.config import Config, LaneConfig
from slips.deploy import age, permissions, queues, streams
from slips.deploy.given import NOTHING, Given
from slips.model import Lane

Template = dict[str, Any]
Resources = dict[str, dict[str, Any]]


class Code(Struct, frozen=True):
    """Where the package is: one zip for all functions. Each a text, or a reference to a parameter."""

    bucket: str | dict[str, str]
    key: str | dict[str, str]


class _Function(Struct, frozen=True):
    about: str
    handler: str
    role: str
    memory: int
    """In MB. A function's share of a CPU grows with it, so that a cold start of boto3 gets faster."""
    timeout: int
    """In seconds."""


_FUNCTIONS = {
    "EventPusher": _Function(
        "Puts new objects on their lane.", "event_pusher", "EventPusherRole", 512, queues.PUSHER_SECONDS
    ),
    "FastDispatcher": _Function(
        "Starts MainFunc for the fast lane.", "dispatcher", "DispatcherRole", 512, DISPATCHER_SECONDS
    ),
    "SlowDispatcher": _Function(
        "Starts MainFunc for the slow lane.", "dispatcher", "DispatcherRole", 512, DISPATCHER_SECONDS
    ),
    "MainFunc": _Function("Gives the records of objects to your handler.", "main_func", "MainFuncRole", 1024, 900),
    "Reporter": _Function("Writes what failed to the error table.", "reporter", "ReporterRole", 512, 300),
    "Drain": _Function("Puts error items back on their lane.", "drain", "DrainRole", 512, 900),
}

BUCKETS = "MappedBuckets"
"""Key of the template's metadata: names of the buckets that may notify the stack."""
TAGS = "Tags"
"""Key of the template's metadata: tags for the stack, which CloudFormation gives to its resources, too."""
KEYS = "KeysOfGiven"
"""Key of the template's metadata: the keys that were seen, for a deploy that may not look."""
_STREAM_RETRIES = 5
_MOST_AGE = 6 * 3600
"""Seconds that Lambda keeps an asynchronous event at most: MainFunc may wait for `handler.concurrency` as long."""
_STOPPED = 3600
"""Seconds of each of two periods with arrivals and without a dispatch, which alarm. Longer than the longest delay and
batching window: what arrives in the first period of a healthy lane is dispatched in the second at the latest."""
_QUEUE_WAITS = 3600
"""Seconds that a message of the user's waits which alarm: queues keep messages for 4 days by default."""
_BUCKETS_A_RULE = 25
"""An event pattern holds at most 2,048 characters, a bucket's name 63."""
_DESCRIPTION_BYTES = 1024
_LOGGING = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "ApplicationLogLevel": "DEBUG"}
"""Lambda itself only tells of runs that failed: its three lines for each of the others cost as much as ours. Levels of
what functions log are theirs to set: Lambda lets all pass. Metrics have no level, which Lambda takes for INFO."""
_UNICODE_BREAKS = set("\x85\u2028\u2029")


def build(
    config: Config,
    code: Code,
    former: Iterable[str] = (),
    deployed: Template | None = None,
    given: Given = NOTHING,
) -> Template:
    """The template of the whole stack.

    `former` are buckets that are not mapped any more, and still notify it. `deployed` is the template that the stack
    has, whose streams stay as they are where the config does not say. `given` is what was read of the resources that
    the config gives.
    """
    retention = {lane: _retention(config, lane, deployed or {}, given) for lane in STREAMS}
    alarms = _alarms(config, retention)
    roles = _roles(config, given.keys)
    resources = {
        **_sources(config),
        **_functions(config, code, roles),
        **_lanes(config, deployed or {}, retention),
        **_failures(config),
        **_tables(config),
        **roles,
        **_logs(config),
        **alarms,
        **(_dashboard(alarms) if config.backend.dashboard else {}),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(config),
        "Metadata": {
            # What `destroy` has to look at, also where nobody has the config any more.
            BUCKETS: sorted({*config.bucket_mapping, *former}),
            **({KEYS: dict(sorted(given.keys.items()))} if given.keys else {}),
            **({TAGS: config.tags} if config.tags else {}),
        },
        "Resources": resources,
        "Outputs": {name: {"Description": about, "Value": value} for name, (about, value) in _outputs(config).items()},
    }


def to_json(template: Template) -> str:
    """As short as it gets: CloudFormation takes 51,200 bytes from a request, and more from a bucket."""
    return json.dumps(template, ensure_ascii=False, separators=(",", ":"))


def to_yaml(template: Template) -> str:
    """For people to read, in the template's own order."""
    # PyYAML writes Unicode's own line breaks as they are, and reads them as spaces.
    as_it_is = not _UNICODE_BREAKS & set(to_json(template))
    return yaml.dump(template, Dumper=_Plain, sort_keys=False, allow_unicode=as_it_is, width=120)


class _Plain(yaml.SafeDumper):
    """Writes a value each time it occurs, where YAML's own would refer to its first occurrence."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def policies_beside(resources: Resources, role: str) -> Resources:
    """The properties of a role's inline policies that are resources of their own, by logical name."""
    policies = {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::IAM::Policy"}
    return {name: policy for name, policy in policies.items() if policy["Roles"] == [_ref(role)]}


def log_group(function: str) -> str:
    """The logical name of a function's log group."""
    return f"{function}Logs"


# ---- references


def _ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def _get(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def _sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def _stream_arn(config: Config, lane: Lane) -> Any:
    backend = config.backend
    given = backend.kinesis_stream_fast_arn if lane == "fast" else backend.kinesis_stream_slow_arn
    return given or _get(STREAMS[lane])


def _stream_arns(config: Config) -> list[Any]:
    return [_stream_arn(config, "fast"), _stream_arn(config, "slow")]


def _stream_name(config: Config, lane: Lane) -> Any:
    arn = _stream_arn(config, lane)
    return arn.rpartition("/")[2] if isinstance(arn, str) else _ref(STREAMS[lane])


def _retention(config: Config, lane: Lane, deployed: Template, given: Given) -> int:
    """Hours for which a lane's stream keeps its events."""
    arn = _stream_arn(config, lane)
    return given.retention(arn) if isinstance(arn, str) else streams.retention_hours(config, lane, deployed)


def _error_table_arn(config: Config) -> Any:
    return config.backend.dynamodb_arn or _get("ErrorTable")


def _error_table_name(config: Config) -> Any:
    given = config.backend.dynamodb_arn
    return given.rpartition("table/")[2] if given else _ref("ErrorTable")


def _error_topic(config: Config) -> Any:
    return config.backend.dlq_sns_arn or _ref("ErrorNotify")


def _given_role(config: Config, role: str) -> str | None:
    given = config.backend.role_arn
    return {
        "EventPusherRole": given.event_pusher,
        "DispatcherRole": given.dispatcher,
        "MainFuncRole": config.handler.role_arn,
        "ReporterRole": given.reporter,
        "DrainRole": given.drain,
    }[role]


# ---- what arrives


def _sources(config: Config) -> Resources:
    """What invokes EventPusher: topics, queues, EventBridge, buckets. Each loses nothing if EventPusher is down."""
    made: Resources = {}
    for topic in config.backend.sns_topics:
        made |= _subscription(f"Topic{topic.name}", topic.arn, "EventPusher")
    for queue in config.backend.sqs_queues:
        made[f"Queue{queue.name}Mapping"] = _resource(
            "AWS::Lambda::EventSourceMapping",
            # What is not taken stays in the queue.
            FunctionName=_ref("EventPusher"),
            EventSourceArn=queue.arn,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    for rule, buckets in _rules(config).items():
        made |= _rule(rule, buckets)
    if config.backend.s3_direct:
        for bucket in config.bucket_mapping:
            source = {
                "SourceArn": _sub(f"arn:${{AWS::Partition}}:s3:::{bucket}"),
                "SourceAccount": _ref("AWS::AccountId"),
            }
            made[f"Bucket{_alphanumeric(bucket)}Permission"] = _permission("EventPusher", "s3", **source)
    return made


def _subscription(name: str, topic: Any, function: str) -> Resources:
    """A topic that invokes a function. It begins to only when whatever catches its failures is there."""
    return {
        f"{name}Permission": _permission(function, "sns", SourceArn=topic),
        f"{name}Subscription": _resource(
            "AWS::SNS::Subscription",
            after=[f"{name}Permission", f"{function}Invoke", "UndeliveredPolicy"],
            TopicArn=topic,
            Protocol="lambda",
            Endpoint=_get(function),
            RedrivePolicy={"deadLetterTargetArn": _get("Undelivered")},
        ),
    }


def _rules(config: Config) -> dict[str, list[str]]:
    """The EventBridge rules, each with the buckets that it is for."""
    if not config.backend.eventbridge:
        return {}
    buckets = sorted(config.bucket_mapping)
    starts = range(0, len(buckets), _BUCKETS_A_RULE)
    return {f"ObjectCreatedRule{at // _BUCKETS_A_RULE + 1}": buckets[at : at + _BUCKETS_A_RULE] for at in starts}


def _rule(name: str, buckets: list[str]) -> Resources:
    """EventBridge's rule for objects created in `buckets`."""
    return {
        f"{name}Permission": _permission("EventPusher", "events", SourceArn=_get(name)),
        name: _resource(
            "AWS::Events::Rule",
            after=["EventPusherInvoke"],
            Description="Objects created in the mapped buckets.",
            EventPattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": buckets}},
            },
            Targets=[
                {
                    "Id": "EventPusher",
                    "Arn": _get("EventPusher"),
                    "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 24 * 3600},
                    "DeadLetterConfig": {"Arn": _get("Undelivered")},
                }
            ],
        ),
    }


# ---- the functions


def _functions(config: Config, code: Code, roles: Resources) -> Resources:
    made: Resources = {}
    for name, function in _FUNCTIONS.items():
        properties: dict[str, Any] = {
            "Description": function.about,
            "Code": {"S3Bucket": code.bucket, "S3Key": code.key},
            "Handler": f"slips.lambdas.{function.handler}",
            "Runtime": config.handler.runtime,
            "Architectures": [config.handler.architecture],
            "Role": _given_role(config, function.role) or _get(function.role),
            "MemorySize": function.memory,
            "Timeout": function.timeout,
            "LoggingConfig": {**_LOGGING, "LogGroup": _ref(log_group(name))},
            "Environment": {"Variables": _environment(config, name)},
        }
        if config.handler.tracing:
            # All of them: a trace begins where an invocation does, and MainFunc goes on with its dispatcher's.
            properties["TracingConfig"] = {"Mode": "Active"}
        if name == "MainFunc":
            properties |= _main_func(config)
        made[name] = _resource("AWS::Lambda::Function", after=list(policies_beside(roles, function.role)), **properties)
    # What Lambda takes by an asynchronous invocation, and where it puts what fails. Reporter is the last to be asked.
    for name, route in {
        "EventPusher": _error_topic(config),
        "MainFunc": _error_topic(config),
        "Reporter": None,
    }.items():
        made[f"{name}Invoke"] = _resource(
            "AWS::Lambda::EventInvokeConfig",
            FunctionName=_ref(name),
            Qualifier="$LATEST",
            MaximumRetryAttempts=2,
            MaximumEventAgeInSeconds=_MOST_AGE,
            DestinationConfig={"OnFailure": {"Destination": route or _get("Undelivered")}},
        )
    return made


def _main_func(config: Config) -> dict[str, Any]:
    """What the config says of the function that runs the handler."""
    handler = config.handler
    properties: dict[str, Any] = {"MemorySize": handler.memory_size}
    if handler.timeout is not None:
        properties["Timeout"] = handler.timeout
    if handler.concurrency is not None:
        properties["ReservedConcurrentExecutions"] = handler.concurrency
    if handler.layers:
        properties["Layers"] = permissions.as_written(handler.layers)
    if handler.subnet_ids:
        properties["VpcConfig"] = {"SubnetIds": handler.subnet_ids, "SecurityGroupIds": handler.security_group_ids}
    return properties


def _environment(config: Config, function: str) -> dict[str, Any]:
    """What only the stack knows; the config itself travels in the package."""
    streams = {
        "SLIPS_FAST_STREAM_ARN": _stream_arn(config, "fast"),
        "SLIPS_SLOW_STREAM_ARN": _stream_arn(config, "slow"),
    }
    ledger = {"SLIPS_LEDGER_TABLE": _ref("Ledger")}
    errors = {"SLIPS_ERROR_TABLE": _error_table_name(config)}
    undelivered = {"SLIPS_UNDELIVERED_URL": _ref("Undelivered")}
    limit = config.backend.lane.fast if function == "FastDispatcher" else config.backend.lane.slow
    dispatcher = {
        "SLIPS_MAIN_FUNC": _get("MainFunc"),
        "SLIPS_DELAY": str(limit.delay),
        "SLIPS_BATCH_SIZE": str(limit.batch_size),
    }
    return {
        **(config.handler.environment if function == "MainFunc" else {}),
        "SLIPS_STACK": _ref("AWS::StackName"),
        "SLIPS_LOG_LEVEL": config.backend.log_level,
        **{
            "EventPusher": streams
            | (ledger if _drops(config) else {})
            | (undelivered if config.backend.sqs_queues else {}),
            "FastDispatcher": dispatcher,
            "SlowDispatcher": dispatcher,
            "MainFunc": streams | ledger | errors,
            "Reporter": ledger | errors,
            # Operators without the config learn the days here.
            "Drain": streams | ledger | errors | undelivered | {"SLIPS_LEDGER_DAYS": str(config.backend.ledger_days)},
        }[function],
    }


def _drops(config: Config) -> bool:
    return any(route.dest == "drop" for route in config.routing)


# ---- the lanes


def _lanes(config: Config, deployed: Template, retention: Mapping[Lane, int]) -> Resources:
    """The streams, and what brings their batches to the dispatchers."""
    made: Resources = {}
    for lane, name in STREAMS.items():
        if isinstance(_stream_arn(config, lane), str):
            continue
        made[name] = _resource(
            "AWS::Kinesis::Stream",
            **streams.properties(config, lane, deployed),
            StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
        )
    for lane, dispatcher in DISPATCHERS.items():
        limit: LaneConfig = getattr(config.backend.lane, lane)
        made[f"{dispatcher}Mapping"] = _resource(
            "AWS::Lambda::EventSourceMapping",
            # A stream that exists already may bring objects at once: what catches failures is there first.
            after=["MainFuncInvoke", "ReporterSubscription"],
            FunctionName=_ref(dispatcher),
            EventSourceArn=_stream_arn(config, lane),
            # Whatever was put before the mapping polls for the first time is taken too.
            StartingPosition="TRIM_HORIZON",
            BatchSize=records_at_once(limit),
            MaximumBatchingWindowInSeconds=limit.batch_window,
            ParallelizationFactor=limit.parallelization,
            # One bad record neither blocks its shard nor takes others with it.
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=_STREAM_RETRIES,
            # What expires in the stream goes nowhere; what is given up before becomes error items.
            MaximumRecordAgeInSeconds=age.most(retention[lane]),
            DestinationConfig={"OnFailure": {"Destination": _error_topic(config)}},
        )
    return made


# ---- what failed


def _failures(config: Config) -> Resources:
    """ErrorNotify takes what failed to Reporter; Undelivered keeps what even that could not."""
    made: Resources = {}
    if config.backend.dlq_sns_arn is None:
        made["ErrorNotify"] = _resource("AWS::SNS::Topic", KmsMasterKeyId="alias/aws/sns")
        # Publishing is what roles allow; nothing allows it unencrypted.
        made["ErrorNotifyPolicy"] = _resource(
            "AWS::SNS::TopicPolicy",
            Topics=[_ref("ErrorNotify")],
            PolicyDocument=_policy(_only_encrypted("sns:Publish", _ref("ErrorNotify"))),
        )
    topics = [topic.arn for topic in config.backend.sns_topics] + [_error_topic(config)]
    rules = [_get(rule) for rule in _rules(config)]
    return {
        **made,
        **_subscription("Reporter", _error_topic(config), "Reporter"),
        "Undelivered": _resource(
            "AWS::SQS::Queue",
            MessageRetentionPeriod=14 * 24 * 3600,
            # What AWS takes, and the default today: a queue of before 2025 takes a quarter of that.
            MaximumMessageSize=2**20,
            # As long as Drain may run: nobody else takes a message that it is putting back.
            VisibilityTimeout=_FUNCTIONS["Drain"].timeout,
            # Not by a key of KMS: neither SNS nor EventBridge may use the one that AWS keeps for queues.
            SqsManagedSseEnabled=True,
        ),
        "UndeliveredPolicy": _resource(
            "AWS::SQS::QueuePolicy",
            Queues=[_ref("Undelivered")],
            PolicyDocument=_policy(
                _may_send("sns", topics),
                *([_may_send("events", rules)] if rules else []),
                _only_encrypted("sqs:*", _get("Undelivered")),
            ),
        ),
    }


def _may_send(service: str, sources: list[Any]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _get("Undelivered"),
        "Condition": {"ArnEquals": {"aws:SourceArn": sources}},
    }


def _only_encrypted(action: str, resource: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


# ---- the tables


def _tables(config: Config) -> Resources:
    """The error table, which outlives its stack, and the ledger, which need not: without it work is only done twice."""
    made: Resources = {}
    if config.backend.dynamodb_arn is None:
        # Retained, so that whatever deletes the stack, by mistake too, leaves the errors; `destroy --all` deletes it.
        made["ErrorTable"] = _table("request_id", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
        made["ErrorTable"] |= {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    made["Ledger"] = _table("entry", TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True})
    return made


def _table(key: str, **properties: Any) -> dict[str, Any]:
    return _resource(
        "AWS::DynamoDB::Table",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"SSEEnabled": True},
        **properties,
    )


# ---- who may do what


def _roles(config: Config, keys: permissions.Keys) -> Resources:
    """The roles that the config does not give, each with the policies beside it that its functions' settings need."""
    shared: permissions.Arns = {
        **permissions.arns_of_config(config, keys),
        "the streams": _stream_arns(config),
        "the main func": [_get("MainFunc")],
        "the error table": [_error_table_arn(config)],
        "the ledger": [_get("Ledger")],
        "the ledger, if routing drops": [_get("Ledger")] if _drops(config) else [],
        "the error topic": [_error_topic(config)],
        "the undelivered queue": [_get("Undelivered")],
        "the undelivered queue, if queues are sources": [_get("Undelivered")] if config.backend.sqs_queues else [],
    }
    made: Resources = {}
    for role in permissions.ROLES:
        if _given_role(config, role) is not None:
            continue
        own = [name for name, function in _FUNCTIONS.items() if function.role == role]
        groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group"
        logs = [_sub(f"{groups}:${{{log_group(name)}}}:*") for name in own]
        arns: permissions.Arns = {**shared, "its logs": logs}
        policies = [{"PolicyName": "slips", "PolicyDocument": _policy(*permissions.statements(role, arns))}]
        more: dict[str, Any] = {}
        if role == "MainFuncRole":
            policies += permissions.inline_policy(config)
            if managed := permissions.managed_policies(config):
                more["ManagedPolicyArns"] = managed
        if config.permissions_boundary is not None:
            more["PermissionsBoundary"] = permissions.as_written(config.permissions_boundary)
        made[role] = _resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=_policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            Policies=policies,
            **more,
        )
        for setting, statement in permissions.settings(role, arns).items():
            made[f"{role}{setting}"] = _resource(
                "AWS::IAM::Policy",
                PolicyName=setting.lower(),
                PolicyDocument=_policy(statement),
                Roles=[_ref(role)],
            )
    return made


def _permission(function: str, service: str, **source: Any) -> dict[str, Any]:
    """Lets a service invoke a function on behalf of one source."""
    return _resource(
        "AWS::Lambda::Permission",
        FunctionName=_ref(function),
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        **source,
    )


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


# ---- what people look at


def _logs(config: Config) -> Resources:
    """Log groups of the stack's own, which go with it, rather than those that Lambda makes and nobody deletes."""
    days = config.backend.log_retention_days
    return {log_group(name): _resource("AWS::Logs::LogGroup", RetentionInDays=days) for name in FUNCTIONS}


def _alarms(config: Config, retention: Mapping[Lane, int]) -> Resources:
    """What a person should look at; `backend.alarm_sns_arn` hears of it. No data is no alarm."""
    late = {lane: age.late(lane, retention[lane]) for lane in DISPATCHERS}
    limited = config.handler.concurrency is not None
    alarms = {
        "ErrorsAlarm": _alarm(
            "Objects or records failed; 'slips errors -s ${AWS::StackName}' lists them.",
            _metric("slips", "ErrorItems", "Sum"),
        ),
        "QuarantineAlarm": _alarm(
            "More than 1 % of the records of an hour could not be parsed; 'slips errors --group' says why.",
            _metric("slips", "Quarantined", "Sum", period=3600),
            _metric("slips", "Records", "Sum", period=3600),
            expression="100 * m1 / m2",
            over=1,
        ),
        **{
            f"{dispatcher}LateAlarm": _alarm(
                f"Objects have waited on the {lane} lane for over {late[lane] // 3600} h; 'slips status' shows it.",
                _metric("AWS/Lambda", "IteratorAge", "Maximum", FunctionName=_ref(dispatcher)),
                over=late[lane] * 1000,
            )
            for lane, dispatcher in DISPATCHERS.items()
        },
        **{
            f"{dispatcher}StoppedAlarm": _alarm(
                f"Objects arrive on the {lane} lane, but {dispatcher} has not been invoked for 2 h: look whether its "
                "event source mapping is enabled, and its role may read the stream.",
                _metric("AWS/Kinesis", "IncomingRecords", "Sum", _STOPPED, StreamName=_stream_name(config, lane)),
                _metric("AWS/Lambda", "Invocations", "Sum", _STOPPED, FunctionName=_ref(dispatcher)),
                # Neither is told where there are none.
                expression="IF(FILL(m1, 0) > 0 AND FILL(m2, 0) == 0, 1, 0)",
                periods=2,
            )
            for lane, dispatcher in DISPATCHERS.items()
        },
        **{
            f"Queue{queue.name}WaitsAlarm": _alarm(
                f"Messages have waited in queue {queue.name} for over 1 h: look whether its event source mapping is "
                "enabled, and EventPusher's role may read it.",
                _metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=queue.arn.rpartition(":")[2]),
                over=_QUEUE_WAITS,
            )
            for queue in config.backend.sqs_queues
        },
        **{
            f"{name}ThrottledAlarm": _alarm(
                f"{name} was throttled for 15 minutes; see the account's limit of concurrent executions.",
                _metric("AWS/Lambda", "Throttles", "Sum", FunctionName=_ref(name)),
                periods=3,
            )
            for name in FUNCTIONS
            # With `handler.concurrency` that is what was asked for; how long it makes objects wait is told below.
            if name != "MainFunc" or not limited
        },
        "MainFuncWaitsAlarm": _alarm(
            "Objects have waited for MainFunc for over 3 h; after 6 h they become error items. Raise its concurrency.",
            _metric("AWS/Lambda", "AsyncEventAge", "Maximum", FunctionName=_ref("MainFunc")),
            over=_MOST_AGE * 1000 // 2,
        ),
        "UndeliveredAlarm": _alarm(
            "Failures could not be reported, or messages of a queue not be read; 'slips drain -s ${AWS::StackName}' "
            "takes up what can be, and says why the rest stays.",
            _metric(
                "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=_get("Undelivered", "QueueName")
            ),
        ),
        "LostAlarm": _alarm(
            "Lambda could not send a failure on; the functions' roles must let it publish to the error topic.",
            *(
                _metric("AWS/Lambda", "DestinationDeliveryFailures", "Sum", FunctionName=_ref(name))
                for name in FUNCTIONS
                if name != "Drain"
            ),
            expression="SUM(METRICS())",
        ),
    }
    if (topic := config.backend.alarm_sns_arn) is not None:
        for alarm in alarms.values():
            alarm["Properties"]["AlarmActions"] = [topic]
    return alarms


def _alarm(
    about: str, *metrics: dict[str, Any], expression: str | None = None, over: int = 0, periods: int = 1
) -> dict[str, Any]:
    """An alarm on one metric, or on an `expression` of metrics `m1`, `m2` and so on."""
    if expression is None:
        (what,) = metrics
    else:
        # `_metric` gives what a plain alarm takes; here the same parts go one level deeper.
        inputs = [
            {
                "Id": f"m{number}",
                "ReturnData": False,
                "MetricStat": {
                    "Metric": {key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")},
                    "Stat": metric["Statistic"],
                    "Period": metric["Period"],
                },
            }
            for number, metric in enumerate(metrics, 1)
        ]
        what = {"Metrics": [{"Id": "result", "Expression": expression, "ReturnData": True}, *inputs]}
    return _resource(
        "AWS::CloudWatch::Alarm",
        AlarmDescription=_sub(about) if "${" in about else about,
        **what,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=over,
        EvaluationPeriods=periods,
        TreatMissingData="notBreaching",
    )


def _metric(namespace: str, name: str, statistic: str, period: int = 300, **dimensions: Any) -> dict[str, Any]:
    """A metric; without dimensions one of slips for the whole stack. `period` in seconds."""
    dimensions = dimensions or {"Stack": _ref("AWS::StackName")}
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": statistic,
        "Period": period,
    }


def _dashboard(alarms: Iterable[str]) -> Resources:
    """One page for the stack, in its own region. Names of dashboards are an account's, not a region's."""
    stack = ["Stack", "${AWS::StackName}"]
    lanes = [("fast", "Fast"), ("slow", "Slow")]
    graphs: list[tuple[str, list[list[Any]], dict[str, Any]]] = [
        ("Objects", [["slips", name, *stack] for name in ("Objects", "Duplicates", "Failed")], {"stat": "Sum"}),
        (
            "Records by what became of them",
            [["slips", name, *stack] for name in ("Delivered", "Filtered", "Quarantined")],
            {"stat": "Sum", "stacked": True},
        ),
        (
            "Failed: error items, undelivered",
            [
                ["slips", "ErrorItems", *stack, {"stat": "Sum"}],
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${Undelivered.QueueName}"],
            ],
            {"stat": "Maximum"},
        ),
        (
            "Lag from event to handler (s)",
            [["slips", "Lag", *stack, "Lane", lane] for lane, _ in lanes],
            {"stat": "Maximum"},
        ),
        (
            "Waiting on the lanes (ms)",
            [["AWS/Lambda", "IteratorAge", "FunctionName", f"${{{name}Dispatcher}}"] for _, name in lanes]
            + [["AWS/Lambda", "AsyncEventAge", "FunctionName", "${MainFunc}"]],
            {"stat": "Maximum"},
        ),
        (
            "Duration of runs (ms)",
            [["slips", "Duration", *stack, {"stat": stat}] for stat in ("p50", "p99", "Maximum")],
            {},
        ),
        ("Invocations", _of_functions("Invocations"), {"stat": "Sum"}),
        ("Errors", _of_functions("Errors"), {"stat": "Sum"}),
        ("Throttles", _of_functions("Throttles"), {"stat": "Sum"}),
    ]
    states = {
        "title": "Alarms",
        "alarms": [
            f"arn:${{AWS::Partition}}:cloudwatch:${{AWS::Region}}:${{AWS::AccountId}}:alarm:${{{alarm}}}"
            for alarm in alarms
        ],
    }
    widgets = [{"type": "alarm", "x": 0, "y": 0, "width": 24, "height": 3, "properties": states}] + [
        {
            "type": "metric",
            "x": place % 3 * 8,
            "y": 3 + place // 3 * 6,
            "width": 8,
            "height": 6,
            "properties": {"title": title, "region": "${AWS::Region}", "period": 300, "metrics": metrics, **more},
        }
        for place, (title, metrics, more) in enumerate(graphs)
    ]
    return {
        "SlipsDashboard": _resource(
            "AWS::CloudWatch::Dashboard",
            DashboardName=_sub("${AWS::StackName}-${AWS::Region}"),
            DashboardBody=_sub(json.dumps({"widgets": widgets}, separators=(",", ":"))),
        )
    }


def _of_functions(metric: str) -> list[list[Any]]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}", {"label": name}] for name in FUNCTIONS]


def _outputs(config: Config) -> dict[str, tuple[str, Any]]:
    """What operators ask for; also where the stack uses what it did not make."""
    return {
        "FastStreamArn": ("Stream of the fast lane.", _stream_arn(config, "fast")),
        "SlowStreamArn": ("Stream of the slow lane.", _stream_arn(config, "slow")),
        "ErrorTableName": ("Table of error items.", _error_table_name(config)),
        "LedgerName": ("Table of what became of each object.", _ref("Ledger")),
        "ErrorNotifyArn": ("Topic of what failed.", _error_topic(config)),
        "UndeliveredUrl": ("Queue of failures that could not be reported.", _ref("Undelivered")),
        "EventPusherArn": ("Function that buckets may notify.", _get("EventPusher")),
        **({"DashboardName": ("Dashboard in CloudWatch.", _ref("SlipsDashboard"))} if config.backend.dashboard else {}),
    }


def _description(config: Config) -> str:
    """At most 1,024 bytes, which may cut a character in two: the rest of that goes too."""
    text = config.description or "slips: runs a handler on every record of every log object."
    return text.encode()[:_DESCRIPTION_BYTES].decode(errors="ignore")


# ---- forms


def _resource(kind: str, *, after: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    """A resource of the template, made after others where its properties do not say so."""
    order = {"DependsOn": list(after)} if after else {}
    return {"Type": kind, **order, "Properties": properties}


def _alphanumeric(name: str) -> str:
    """A bucket's name as part of a logical name, which takes letters and digits: `a-b` and `a.b` stay apart."""
    plain = re.sub("[^A-Za-z0-9]", "", name)
    return plain if plain == name else plain + hashlib.sha256(name.encode()).hexdigest()[:6]
