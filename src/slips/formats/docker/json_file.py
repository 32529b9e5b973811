"""Logs that Docker's default logging driver, json-file, keeps of containers."""

from __future__ import annotations

from slips.parsing import ContainerLog, iso

DOCKER_JSON = ContainerLog(
    "docker-json",
    "Docker's json-file logs: lines of a container, those that Docker split joined",
    "https://docs.docker.com/engine/logging/drivers/json-file/",
    notation="docker",
    tag="docker.{stream|'log'}",
    time=iso("time"),
    message="{log}",
)
