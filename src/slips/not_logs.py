"""Objects beside logs that are none: AWS and its tools write them. A rule filters each, unless a mapping asks for it.

Pure. A mapping asks for an object by its literal text, which names the folder or the file, or by a format that is made
for such objects.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

_AWS = "https://docs.aws.amazon.com"


class NotLog(Struct, frozen=True, kw_only=True):
    """A rule that filters objects which are no logs, unread."""

    name: str
    summary: str
    reference: str
    folder: str = ""
    """The objects are below a folder of this name."""
    files: tuple[str, ...] = ()
    """The objects have these names, in any folder."""
    formats: tuple[str, ...] = ()
    """Formats that are made for these objects."""

    @property
    def names(self) -> list[str]:
        """The names of the files, or of the folder, which ends with a slash."""
        return [*self.files, *([f"{self.folder}/"] if self.folder else [])]

    def is_asked_for(self, literals: Collection[str], formats: Collection[str]) -> bool:
        """Whether a mapping that fits such an object asks for it, by its literal texts or its formats."""
        names = [name.removesuffix("/") for name in self.names]
        return any(name in each for each in literals for name in names) or not {*self.formats}.isdisjoint(formats)


FOLDER = NotLog(
    name="folder-marker",
    summary="empty objects that stand for folders: their keys end with '/', or with '_$folder$' as those of Amazon EMR",
    reference=f"{_AWS}/AmazonS3/latest/userguide/using-folders.html",
)
RULES = (
    FOLDER,
    NotLog(
        name="cloudtrail-digest",
        summary="digests of CloudTrail's log files, below 'CloudTrail-Digest/'",
        reference=f"{_AWS}/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html",
        folder="CloudTrail-Digest",
        formats=("cloudtrail-digest",),
    ),
    NotLog(
        name="elb-test-file",
        summary="files by which Elastic Load Balancing tests whether it can write logs",
        reference=f"{_AWS}/elasticloadbalancing/latest/application/enable-access-logging.html",
        files=("ELBAccessLogTestFile", "ELBConnectionLogTestFile", "ELBHealthCheckLogTestFile"),
    ),
    NotLog(
        name="config-test-file",
        summary="the file by which AWS Config tests whether it can write",
        reference=f"{_AWS}/config/latest/developerguide/gs-cli-verify-subscribe.html",
        files=("ConfigWritabilityCheckFile",),
    ),
    NotLog(
        name="export-test-file",
        summary="the file by which CloudWatch Logs tests whether it can export",
        reference=f"{_AWS}/AmazonCloudWatch/latest/logs/S3ExportTasks.html",
        files=("aws-logs-write-test",),
    ),
    NotLog(
        name="billing-test-file",
        summary="the file by which AWS Billing tests whether it can write reports",
        reference=f"{_AWS}/cur/latest/userguide/cur-s3.html",
        files=("aws-programmatic-access-test-object",),
    ),
)
"""Every rule. Names are unique, and no rules of formats have them."""

_BY_FILE = {file: rule for rule in RULES for file in rule.files}
_BY_FOLDER = {rule.folder: rule for rule in RULES if rule.folder}


def is_for_no_logs(formats: Collection[str]) -> bool:
    """Whether a chain has a format that is made for objects which are no logs."""
    return any(rule.is_asked_for((), formats) for rule in RULES)


def rule_of(key: str, size: int) -> NotLog | None:
    """Return the rule for an object of `size` bytes that is no log by its key; None if it may be one."""
    *folders, file = key.split("/")
    if not size and ((folders and not file) or file.endswith("_$folder$")):
        return FOLDER
    if file in _BY_FILE:
        return _BY_FILE[file]
    return next((_BY_FOLDER[each] for each in folders if each in _BY_FOLDER), None)
