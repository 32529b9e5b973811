"""Amazon Inspector: findings; and Amazon ECR: the findings of its own scans."""

from __future__ import annotations

from slips.parsing import Json, any_of, moment

INSPECTOR = Json(
    "inspector",
    "findings of Amazon Inspector, version 2, also as events of EventBridge",
    "https://docs.aws.amazon.com/inspector/v2/APIReference/API_Finding.html",
    also_in="detail",
    tag="aws.inspector",
    time=moment("time", "updatedAt", "lastObservedAt", "firstObservedAt"),
    message="{severity|'finding'}{' ' title|type}{' in ' awsAccountId}",
    require="findingArn",
    entities={
        "addresses": "resources.details.awsEc2Instance.ipV4Addresses resources.details.awsEc2Instance.ipV6Addresses "
        "resources.details.vm.ipV4Addresses resources.details.vm.ipV6Addresses",
        "hosts": "resources.id",
        "hashes": "resources.details.awsEcrContainerImage.imageHash "
        "packageVulnerabilityDetails.vulnerablePackages.sourceLayerHash",
    },
)

# Events of EventBridge are about a scan that ended, and have counts of findings in place of these.
ECR_SCAN = Json(
    "ecr-scan",
    "results of Amazon ECR's scans of images, also as events of EventBridge",
    "https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html",
    also_in="detail",
    tag="aws.ecr-scan",
    time=moment("imageScanFindings.imageScanCompletedAt", "time"),
    message="{imageScanStatus.status|scan-status|'-'} {repositoryName|repository-name|'-'} "
    "{imageId.imageTag|imageId.imageDigest|image-digest|'-'}",
    require=any_of("imageScanFindings", "imageScanStatus", "scan-status"),
    entities={"hashes": "imageId.imageDigest image-digest"},
)
