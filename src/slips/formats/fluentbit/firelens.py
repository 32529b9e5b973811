"""Records of Fluent Bit: its outputs to S3 and Amazon Data Firehose, and AWS FireLens, which runs it beside tasks."""

from __future__ import annotations

from slips.parsing import Json, any_of, moment

# The filters of Kubernetes and AWS add `kubernetes`, `ec2_instance_id`, `az` and more. Plugins write the time under
# `date` or `@timestamp`, or not at all.
FLUENT_BIT = Json(
    "fluent-bit",
    "records of Fluent Bit and AWS FireLens: lines of containers with what is known of these",
    "https://docs.fluentbit.io/manual/data-pipeline/outputs/s3",
    tag="fluent-bit.{source|stream|'log'}",
    time=moment("date", "@timestamp", "time"),
    message="{log|message|MESSAGE|'-'}",
    require=any_of("log", "message", "MESSAGE", "container_id", "container_name", "ecs_cluster", "kubernetes"),
)
