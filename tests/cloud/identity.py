"""Callers: temporary credentials that the stand-in issues, and clients that use them.

Any other access key is the administrator's, who may do everything.
"""

from __future__ import annotations

import functools
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.iam.models import IAMBackend, Role, iam_backends

from cloud.access import ACCOUNT, PARTITION, REGION, Document, allows, denies


@dataclass(frozen=True)
class Caller:
    """`role` is an ARN; empty for the administrator. `environment` names one process of a function."""

    role: str = ""
    function: str = ""
    environment: str = ""

    @property
    def arn(self) -> str:
        session = f"{self.role.rpartition('/')[2]}/{self.function or 'session'}"
        return f"arn:{PARTITION}:sts::{ACCOUNT}:assumed-role/{session}"


class Identities:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._callers: dict[str, Caller] = {}
        self._lock = threading.Lock()
        self._session = boto3.Session(region_name=REGION)
        self.admin = functools.cache(self._admin)
        self.client = functools.cache(self._client)

    def issue(self, caller: Caller) -> dict[str, str]:
        """New credentials of a caller, as environment variables."""
        key = f"ASIA{uuid.uuid4().hex[:16].upper()}"
        with self._lock:
            self._callers[key] = caller
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex, "AWS_SESSION_TOKEN": key}

    def reset(self) -> None:
        """Forgets all roles' credentials, and the clients that hold them."""
        with self._lock:
            self._callers.clear()
        self.client.cache_clear()

    def who(self, access_key: str) -> Caller:
        with self._lock:
            return self._callers.get(access_key, Caller())

    def _admin(self, service: str) -> Any:
        return self._make(service, "AKIAADMINISTRATOR", "secret", None)

    def _client(self, service: str, role: str, function: str) -> Any:
        """A client with the credentials of a function's role: what the service itself uses to act for it."""
        issued = self.issue(Caller(role, function))
        return self._make(
            service, issued["AWS_ACCESS_KEY_ID"], issued["AWS_SECRET_ACCESS_KEY"], issued["AWS_SESSION_TOKEN"]
        )

    def _make(self, service: str, key: str, secret: str, token: str | None) -> Any:
        session: Any = self._session
        with self._lock:  # sessions are not safe to make clients from in several threads
            return session.client(
                service,
                endpoint_url=self.endpoint,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=Config(max_pool_connections=20, retries={"total_max_attempts": 1}, read_timeout=300),
            )


def iam() -> IAMBackend:
    return iam_backends[ACCOUNT][PARTITION]


def role_of(arn: str) -> Role | None:
    return next((role for role in list(iam().roles.values()) if role.arn == arn), None)


def role_allows(arn: str, action: str, resource: str) -> bool:
    """Whether the policies of a role, in line and attached, allow the action; a role that is gone may nothing.

    Its boundary, if it has one, must allow it, too.
    """
    documents, bounds = list(_documents(arn)), list(_boundary(arn))
    return (
        not any(denies(document, action, resource) for document in documents + bounds)
        and any(allows(document, action, resource) for document in documents)
        and all(allows(document, action, resource) for document in bounds)
    )


def _boundary(arn: str) -> Iterator[Document]:
    role = role_of(arn)
    if role and role.permissions_boundary_arn:
        policy = iam().managed_policies[role.permissions_boundary_arn]
        yield next(version.document for version in policy.versions if version.is_default)


def _documents(arn: str) -> Iterator[Document]:
    role = role_of(arn)
    if role is None:
        return
    for document in list(role.policies.values()):
        yield document if isinstance(document, dict) else str(document)
    for policy in list(role.managed_policies.values()):
        yield next(version.document for version in policy.versions if version.is_default)


def trusts_lambda(arn: str) -> bool:
    """Whether Lambda may assume a role."""
    role = role_of(arn)
    trust = role.assume_role_policy_document if role else None
    parsed = json.loads(trust) if isinstance(trust, str) else trust
    return bool(parsed) and "lambda.amazonaws.com" in json.dumps(parsed)
