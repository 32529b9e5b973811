"""Logs of Amazon ECS tasks that Hako deployed: JSON objects with the time in `time`."""

from __future__ import annotations

from slips.parsing import Json, iso

# Without `require`: the objects are those of the application in the task, whatever it logs.
ECS_HAKO = Json(
    "ecs-hako",
    "logs of Amazon ECS tasks deployed with Hako",
    "https://github.com/eagletmt/hako",
    time=iso("time"),
    tag="ecs.hako",
)
