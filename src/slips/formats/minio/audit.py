"""The audit log of MinIO: each call of the S3 API and of its administration."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

MINIO_AUDIT = Json(
    "minio-audit",
    "MinIO audit log, also in the records of Seagate Lyve Cloud",
    "https://min.io/docs/minio/linux/operations/monitoring/minio-logging.html",
    also_in="auditEntry",
    require=all_of("api", any_of("deploymentid", "version", "requestPath", "requestID", "remotehost")),
    time=iso("time"),
    tag="minio.audit.{api.name|'api'}",
    message=(
        "{api.name|'request'}{' ' api.statusCode}{' ' api.bucket}{'/' api.object}{' by ' accessKey}"
        "{' from ' remotehost}"
    ),
    integers="api.timeToFirstByteInNS api.timeToResponseInNS",
    entities={"addresses": "remotehost", "users": "accessKey parentUser"},
)
