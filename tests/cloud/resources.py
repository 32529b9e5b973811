"""CloudFormation's work on one resource: one class a type, through the services' own APIs.

A property that a class does not name is an error, so that nothing of a template is silently left out.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.access import ACCOUNT, PARTITION, REGION, arn

Properties = dict[str, Any]
Clients = Callable[[str], Any]


class ResourceError(Exception):
    """Why a resource failed, as its event tells it."""


@dataclass(frozen=True)
class Made:
    """`identifier` is what `Ref` gives, and under which the resource is updated and deleted."""

    identifier: str
    attributes: Mapping[str, str]
    """Values of `Fn::GetAtt`."""


class Resource:
    """One resource type. `name` is a name made from stack and logical id, for those without one of their own."""

    properties: tuple[str, ...] = ()
    name_length = 64

    def __init__(self, clients: Clients) -> None:
        self.client = clients

    def create(self, name: str, new: Properties) -> Made:
        raise NotImplementedError

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        raise NotImplementedError

    def delete(self, made: Made, old: Properties) -> None:
        raise NotImplementedError


def generated_name(stack: str, logical: str, length: int) -> str:
    tail = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
    room = length - len(tail) - 2
    kept = max(1, room - len(logical))
    return f"{stack[:kept]}-{logical[: room - len(stack[:kept])]}-{tail}"


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", [])}


def _text(value: Any) -> str:
    """As query APIs want attributes: JSON for structures, `true` for True."""
    return (
        json.dumps(value)
        if isinstance(value, (dict, list))
        else str(value).lower()
        if value in (True, False)
        else str(value)
    )


class Role(Resource):
    properties = (
        *("RoleName", "AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration"),
        *("Path", "PermissionsBoundary", "Policies", "Tags"),
    )

    def create(self, name: str, new: Properties) -> Made:
        keys = ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
        extra = {key: new[key] for key in keys if key in new}
        name = new.get("RoleName", name)
        trust = json.dumps(new["AssumeRolePolicyDocument"])
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust, **extra)["Role"]
        self._set_policies(name, {}, new)
        return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def _set_policies(self, name: str, old: Properties, new: Properties) -> None:
        iam = self.client("iam")
        for policy in new.get("Policies", []):
            document = json.dumps(policy["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
        kept = {policy["PolicyName"] for policy in new.get("Policies", [])}
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in kept:
                iam.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
        before, after = set(old.get("ManagedPolicyArns", [])), set(new.get("ManagedPolicyArns", []))
        for policy in after - before:
            iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        for policy in before - after:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        trust = json.dumps(new["AssumeRolePolicyDocument"])
        self.client("iam").update_assume_role_policy(RoleName=made.identifier, PolicyDocument=trust)
        if boundary := new.get("PermissionsBoundary"):
            self.client("iam").put_role_permissions_boundary(RoleName=made.identifier, PermissionsBoundary=boundary)
        elif "PermissionsBoundary" in old:
            self.client("iam").delete_role_permissions_boundary(RoleName=made.identifier)
        self._set_policies(made.identifier, old, new)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self._set_policies(made.identifier, old, {})
        self.client("iam").delete_role(RoleName=made.identifier)


class RolePolicy(Resource):
    """AWS::IAM::Policy, for roles."""

    properties = ("PolicyName", "PolicyDocument", "Roles")

    def create(self, name: str, new: Properties) -> Made:
        self._set([], new)
        return Made(name, {"Id": name})

    def _set(self, before: list[str], new: Properties) -> None:
        iam, policy = self.client("iam"), new["PolicyName"]
        for role in new["Roles"]:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(new["PolicyDocument"]))
        for role in set(before) - set(new["Roles"]):
            iam.delete_role_policy(RoleName=role, PolicyName=policy)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        if old["PolicyName"] != new["PolicyName"]:
            self.delete(made, old)
        self._set(old["Roles"], new)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        for role in old["Roles"]:
            self.client("iam").delete_role_policy(RoleName=role, PolicyName=old["PolicyName"])


class LogGroup(Resource):
    properties = ("LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", "DeletionProtectionEnabled")
    name_length = 512

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("LogGroupName", name)
        self.client("logs").create_log_group(logGroupName=name)
        made = Made(name, {"Arn": arn("logs", f"log-group:{name}:*")})
        return self.update(made, {}, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        logs, days = self.client("logs"), new.get("RetentionInDays")
        if days:
            logs.put_retention_policy(logGroupName=made.identifier, retentionInDays=int(days))
        elif old.get("RetentionInDays"):
            logs.delete_retention_policy(logGroupName=made.identifier)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("logs").delete_log_group(logGroupName=made.identifier)


class Stream(Resource):
    properties = ("Name", "RetentionPeriodHours", "ShardCount", "StreamEncryption", "StreamModeDetails", "Tags")
    name_length = 128

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("Name", name)
        mode = new.get("StreamModeDetails", {"StreamMode": "PROVISIONED" if "ShardCount" in new else "ON_DEMAND"})
        shards = {"ShardCount": int(new["ShardCount"])} if "ShardCount" in new else {}
        if mode["StreamMode"] == "ON_DEMAND" and shards:
            raise ResourceError("ShardCount must not be provided with StreamMode ON_DEMAND")
        self.client("kinesis").create_stream(StreamName=name, StreamModeDetails=mode, **shards)
        made = Made(name, {"Arn": arn("kinesis", f"stream/{name}")})
        same: Properties = {key: new[key] for key in ("ShardCount", "StreamModeDetails") if key in new}
        return self.update(made, same, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        kinesis, name = self.client("kinesis"), made.identifier
        if new.get("StreamModeDetails") != old.get("StreamModeDetails"):
            mode = new.get("StreamModeDetails", {"StreamMode": "PROVISIONED"})
            kinesis.update_stream_mode(StreamARN=made.attributes["Arn"], StreamModeDetails=mode)
        if "ShardCount" in new and new["ShardCount"] != old.get("ShardCount"):
            kinesis.update_shard_count(
                StreamName=name, TargetShardCount=int(new["ShardCount"]), ScalingType="UNIFORM_SCALING"
            )
        before, after = int(old.get("RetentionPeriodHours", 24)), int(new.get("RetentionPeriodHours", 24))
        if after > before:
            kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=after)
        elif after < before:
            kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=after)
        if new.get("StreamEncryption") != old.get("StreamEncryption"):
            if encryption := new.get("StreamEncryption"):
                kinesis.start_stream_encryption(StreamName=name, **encryption)
            else:
                kinesis.stop_stream_encryption(StreamName=name, **old["StreamEncryption"])
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("kinesis").delete_stream(StreamName=made.identifier, EnforceConsumerDeletion=True)


class Table(Resource):
    properties = (
        *("TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "SSESpecification"),
        *("TimeToLiveSpecification", "PointInTimeRecoverySpecification", "GlobalSecondaryIndexes", "Tags"),
        *("StreamSpecification", "DeletionProtectionEnabled", "TableClass"),
    )
    name_length = 255

    def create(self, name: str, new: Properties) -> Made:
        later = {"TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification"}
        given = {key: value for key, value in new.items() if key not in later}
        if sse := new.get("SSESpecification"):
            given["SSESpecification"] = {
                "Enabled": sse["SSEEnabled"],
                **{key: value for key, value in sse.items() if key != "SSEEnabled"},
            }
        given["TableName"] = new.get("TableName", name)
        table = self.client("dynamodb").create_table(**given)["TableDescription"]
        made = Made(given["TableName"], {"Arn": table["TableArn"]})
        return self.update(made, {key: value for key, value in new.items() if key not in later}, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        dynamodb, name = self.client("dynamodb"), made.identifier
        if new.get("TimeToLiveSpecification") != old.get("TimeToLiveSpecification"):
            off = {**old.get("TimeToLiveSpecification", {}), "Enabled": False}
            dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification=new.get("TimeToLiveSpecification", off)
            )
        recovery = new.get("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
        plain = ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled", "TableClass")
        changed = {key: new[key] for key in plain if key in new and new[key] != old.get(key)}
        if changed:
            dynamodb.update_table(TableName=name, **changed)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("dynamodb").delete_table(TableName=made.identifier)


class Topic(Resource):
    properties = ("TopicName", "DisplayName", "KmsMasterKeyId", "Tags")
    name_length = 256

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("TopicName", name)
        made = self.client("sns").create_topic(Name=name)["TopicArn"]
        return self.update(Made(made, {"TopicArn": made, "TopicName": name}), {}, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        for key in ("DisplayName", "KmsMasterKeyId"):
            if new.get(key) != old.get(key):
                self.client("sns").set_topic_attributes(
                    TopicArn=made.identifier, AttributeName=key, AttributeValue=new.get(key, "")
                )
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("sns").delete_topic(TopicArn=made.identifier)


class TopicPolicy(Resource):
    properties = ("PolicyDocument", "Topics")

    def create(self, name: str, new: Properties) -> Made:
        for topic in new["Topics"]:
            self._set(topic, new["PolicyDocument"])
        return Made(name, {"Id": name})

    def _set(self, topic: str, document: Any) -> None:
        self.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document)
        )

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(made, {"Topics": sorted(set(old["Topics"]) - set(new["Topics"]))})
        self.create(made.identifier, new)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        for topic in old["Topics"]:
            self._set(topic, {"Version": "2012-10-17", "Statement": []})


class Subscription(Resource):
    properties = (
        *("TopicArn", "Protocol", "Endpoint", "RedrivePolicy", "FilterPolicy", "FilterPolicyScope"),
        *("RawMessageDelivery", "DeliveryPolicy"),
    )
    changeable = ("RedrivePolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "DeliveryPolicy")

    def create(self, name: str, new: Properties) -> Made:
        given = {key: new[key] for key in ("TopicArn", "Protocol", "Endpoint")}
        made = self.client("sns").subscribe(**given, ReturnSubscriptionArn=True)["SubscriptionArn"]
        return self.update(Made(made, {"Arn": made}), {}, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        for key in self.changeable:
            if new.get(key) != old.get(key):
                self.client("sns").set_subscription_attributes(
                    SubscriptionArn=made.identifier, AttributeName=key, AttributeValue=_text(new.get(key, {}))
                )
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("sns").unsubscribe(SubscriptionArn=made.identifier)


class Queue(Resource):
    properties = (
        *("QueueName", "DelaySeconds", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "MaximumMessageSize"),
        *("MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "RedriveAllowPolicy"),
        *("SqsManagedSseEnabled", "VisibilityTimeout", "Tags"),
    )
    name_length = 80

    def _attributes(self, new: Properties) -> dict[str, str]:
        return {key: _text(value) for key, value in new.items() if key not in {"QueueName", "Tags"}}

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("QueueName", name)
        url = self.client("sqs").create_queue(QueueName=name, Attributes=self._attributes(new))["QueueUrl"]
        return Made(url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        self.client("sqs").set_queue_attributes(QueueUrl=made.identifier, Attributes=self._attributes(new))
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("sqs").delete_queue(QueueUrl=made.identifier)


class QueuePolicy(Resource):
    properties = ("PolicyDocument", "Queues")

    def create(self, name: str, new: Properties) -> Made:
        for queue in new["Queues"]:
            self._set(queue, json.dumps(new["PolicyDocument"]))
        return Made(name, {"Id": name})

    def _set(self, queue: str, policy: str) -> None:
        self.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(made, {"Queues": sorted(set(old["Queues"]) - set(new["Queues"]))})
        self.create(made.identifier, new)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        for queue in old["Queues"]:
            self._set(queue, "")


class Function(Resource):
    properties = (
        *("FunctionName", "Code", "Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "Environment"),
        *("VpcConfig", "DeadLetterConfig", "TracingConfig", "LoggingConfig", "EphemeralStorage", "KmsKeyArn"),
        *("Architectures", "Layers", "ReservedConcurrentExecutions", "Tags", "PackageType"),
    )
    elsewhere = ("Code", "ReservedConcurrentExecutions", "Tags", "KmsKeyArn", "FunctionName", "PackageType")

    def _settings(self, new: Properties) -> Properties:
        given = {key: value for key, value in new.items() if key not in self.elsewhere}
        for key in ("Timeout", "MemorySize"):
            if key in given:
                given[key] = int(given[key])
        if "KmsKeyArn" in new:
            given["KMSKeyArn"] = new["KmsKeyArn"]
        return given

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("FunctionName", name)
        function = self.client("lambda").create_function(
            FunctionName=name, Code=new["Code"], Tags=_tags(new), **self._settings(new)
        )
        self._reserve(name, {}, new)
        return Made(name, {"Arn": function["FunctionArn"]})

    def _reserve(self, name: str, old: Properties, new: Properties) -> None:
        if "ReservedConcurrentExecutions" in new:
            self.client("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=int(new["ReservedConcurrentExecutions"])
            )
        elif "ReservedConcurrentExecutions" in old:
            self.client("lambda").delete_function_concurrency(FunctionName=name)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        client, name = self.client("lambda"), made.identifier
        if (new["Code"], new.get("Architectures")) != (old["Code"], old.get("Architectures")):
            more = {"Architectures": new["Architectures"]} if "Architectures" in new else {}
            client.update_function_code(FunctionName=name, **new["Code"], **more)
        before, after = self._settings(old), self._settings(new)
        changed = {key: value for key, value in after.items() if value != before.get(key) and key != "Architectures"}
        emptied = {
            "Environment": {"Variables": {}},
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
            "DeadLetterConfig": {"TargetArn": ""},
            "Description": "",
            "Layers": [],
            "TracingConfig": {"Mode": "PassThrough"},
        }
        changed |= {key: value for key, value in emptied.items() if key in before and key not in after}
        if changed:
            client.update_function_configuration(FunctionName=name, **changed)
        self._reserve(name, old, new)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("lambda").delete_function(FunctionName=made.identifier)


class EventSourceMapping(Resource):
    properties = (
        *("FunctionName", "EventSourceArn", "StartingPosition", "BatchSize", "Enabled", "DestinationConfig"),
        *("BisectBatchOnFunctionError", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds"),
        *("MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "ScalingConfig"),
    )
    fixed = ("EventSourceArn", "StartingPosition")
    defaults: Mapping[str, Any] = {
        "Enabled": True,
        "DestinationConfig": {"OnFailure": {}},
        "BisectBatchOnFunctionError": False,
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
    }

    def _settings(self, new: Properties) -> Properties:
        whole = {key for key, default in self.defaults.items() if type(default) is int} | {"BatchSize"}
        return {key: int(value) if key in whole else value for key, value in new.items()}

    def create(self, name: str, new: Properties) -> Made:
        made = self.client("lambda").create_event_source_mapping(**self._settings(new))["UUID"]
        return Made(made, {"Id": made, "EventSourceMappingArn": arn("lambda", f"event-source-mapping:{made}")})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        gone = {key: self.defaults[key] for key in old if key not in new and key in self.defaults}
        given = {key: value for key, value in self._settings(new).items() if key not in self.fixed}
        self.client("lambda").update_event_source_mapping(UUID=made.identifier, **{**gone, **given})
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("lambda").delete_event_source_mapping(UUID=made.identifier)


class EventInvokeConfig(Resource):
    properties = ("FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")

    def create(self, name: str, new: Properties) -> Made:
        whole = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        given = {key: int(value) if key in whole else value for key, value in new.items()}
        self.client("lambda").put_function_event_invoke_config(**given)
        return Made(name, {})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(made.identifier, new)

    def delete(self, made: Made, old: Properties) -> None:
        self.client("lambda").delete_function_event_invoke_config(FunctionName=old["FunctionName"])


class Permission(Resource):
    properties = ("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount")

    def create(self, name: str, new: Properties) -> Made:
        self.client("lambda").add_permission(StatementId=name, **new)
        return Made(name, {"Id": name})

    def delete(self, made: Made, old: Properties) -> None:
        self.client("lambda").remove_permission(FunctionName=old["FunctionName"], StatementId=made.identifier)


class Rule(Resource):
    properties = ("Name", "Description", "EventPattern", "ScheduleExpression", "State", "Targets")

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("Name", name)
        given: Properties = {key: new[key] for key in ("Description", "ScheduleExpression", "State") if key in new}
        if "EventPattern" in new:
            given["EventPattern"] = json.dumps(new["EventPattern"])
        made = self.client("events").put_rule(Name=name, **given)["RuleArn"]
        if new.get("Targets"):
            self.client("events").put_targets(Rule=name, Targets=new["Targets"])
        return Made(name, {"Arn": made, "RuleName": name})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        kept = {target["Id"] for target in new.get("Targets", [])}
        self._remove(made.identifier, [target["Id"] for target in old.get("Targets", []) if target["Id"] not in kept])
        return self.create(made.identifier, new)

    def _remove(self, name: str, targets: list[str]) -> None:
        if targets:
            self.client("events").remove_targets(Rule=name, Ids=targets)

    def delete(self, made: Made, old: Properties) -> None:
        self._remove(made.identifier, [target["Id"] for target in old.get("Targets", [])])
        self.client("events").delete_rule(Name=made.identifier)


class Alarm(Resource):
    properties = (
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions"),
        *("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "Metrics"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Tags"),
    )
    name_length = 255
    whole = ("Period", "EvaluationPeriods", "DatapointsToAlarm")

    def create(self, name: str, new: Properties) -> Made:
        given = {key: int(value) if key in self.whole else value for key, value in new.items() if key != "Tags"}
        if "Threshold" in given:
            given["Threshold"] = float(given["Threshold"])
        name = new.get("AlarmName", name)
        self.client("cloudwatch").put_metric_alarm(**{**given, "AlarmName": name})
        return Made(name, {"Arn": arn("cloudwatch", f"alarm:{name}")})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(made.identifier, new)

    def delete(self, made: Made, old: Properties) -> None:
        self.client("cloudwatch").delete_alarms(AlarmNames=[made.identifier])


class Dashboard(Resource):
    properties = ("DashboardName", "DashboardBody")

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("DashboardName", name)
        json.loads(new["DashboardBody"])
        self.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=new["DashboardBody"])
        return Made(name, {})

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(made.identifier, new)

    def delete(self, made: Made, old: Properties) -> None:
        self.client("cloudwatch").delete_dashboards(DashboardNames=[made.identifier])


class Bucket(Resource):
    properties = ("BucketName", "VersioningConfiguration", "Tags")
    name_length = 63

    def create(self, name: str, new: Properties) -> Made:
        name = new.get("BucketName", name.lower())
        self.client("s3").create_bucket(Bucket=name)
        made = Made(name, {"Arn": f"arn:{PARTITION}:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com"})
        return self.update(made, {}, new)

    def update(self, made: Made, old: Properties, new: Properties) -> Made:
        if setting := new.get("VersioningConfiguration"):
            self.client("s3").put_bucket_versioning(Bucket=made.identifier, VersioningConfiguration=setting)
        return made

    def delete(self, made: Made, old: Properties) -> None:
        self.client("s3").delete_bucket(Bucket=made.identifier)


TYPES: Mapping[str, type[Resource]] = {
    "AWS::CloudWatch::Alarm": Alarm,
    "AWS::CloudWatch::Dashboard": Dashboard,
    "AWS::DynamoDB::Table": Table,
    "AWS::Events::Rule": Rule,
    "AWS::IAM::Policy": RolePolicy,
    "AWS::IAM::Role": Role,
    "AWS::Kinesis::Stream": Stream,
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig,
    "AWS::Lambda::EventSourceMapping": EventSourceMapping,
    "AWS::Lambda::Function": Function,
    "AWS::Lambda::Permission": Permission,
    "AWS::Logs::LogGroup": LogGroup,
    "AWS::S3::Bucket": Bucket,
    "AWS::SNS::Subscription": Subscription,
    "AWS::SNS::Topic": Topic,
    "AWS::SNS::TopicPolicy": TopicPolicy,
    "AWS::SQS::Queue": Queue,
    "AWS::SQS::QueuePolicy": QueuePolicy,
}

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
