"""Amazon EKS: audit logs of the Kubernetes API server."""

from __future__ import annotations

from dataclasses import replace

from slips.formats.kubernetes.audit import K8S_AUDIT

EKS_AUDIT = replace(
    K8S_AUDIT,
    name="eks-audit",
    summary="audit events of Amazon EKS",
    reference="https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html",
    tag="aws.eks-audit",
    chain=(),
)
