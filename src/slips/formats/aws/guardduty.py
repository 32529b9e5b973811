"""Amazon GuardDuty: findings."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

_ACTIONS = """awsApiCallAction networkConnectionAction portProbeAction.portProbeDetails kubernetesApiCallAction
    rdsLoginAttemptAction""".split()
_ADDRESSES = " ".join(
    f"service.action.{action}.{side}IpDetails.ipAddressV{version}"
    for action in _ACTIONS
    for side in ("remote", "local")
    for version in (4, 6)
)
_SEQUENCE = "service.detection.sequence"

GUARDDUTY = Json(
    "guardduty",
    "findings of Amazon GuardDuty, as it exports them to S3, or as events of EventBridge",
    "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-format.html",
    require=any_of(
        *("schemaVersion", "updatedAt", "createdAt", "accountId", "arn", "id", "partition", "region", "type"),
        *("resource", "service", "severity", "title", "description", "confidence", "associatedAttackSequenceArn"),
    ),
    also_in="detail",
    # GuardDuty exports a finding again after each update. Events of EventBridge that are no findings, as those of its
    # malware protection for S3, have the time of the envelope.
    time=iso("updatedAt", "time"),
    tag="aws.guardduty",
    entities={
        "addresses": f"""resource.instanceDetails.networkInterfaces.privateIpAddress
            resource.instanceDetails.networkInterfaces.privateIpAddresses.privateIpAddress
            resource.instanceDetails.networkInterfaces.publicIp
            resource.instanceDetails.networkInterfaces.ipv6Addresses {_ADDRESSES}
            service.action.kubernetesApiCallAction.sourceIPs {_SEQUENCE}.endpoints.ip
            {_SEQUENCE}.resources.data.ec2NetworkInterface.privateIpAddresses.privateIpAddress
            {_SEQUENCE}.resources.data.ec2NetworkInterface.publicIp
            {_SEQUENCE}.resources.data.ec2NetworkInterface.ipv6Addresses""",
        "users": f"""resource.accessKeyDetails.userName resource.accessKeyDetails.principalId
            resource.kubernetesDetails.kubernetesUserDetails.username
            resource.kubernetesDetails.kubernetesUserDetails.impersonatedUser.username resource.rdsDbUserDetails.user
            service.action.rdsLoginAttemptAction.loginAttributes.user
            service.action.rdsLoginAttemptAction.LoginAttributes.user service.runtimeDetails.process.user
            service.runtimeDetails.context.modifyingProcess.user service.runtimeDetails.context.targetProcess.user
            {_SEQUENCE}.actors.user.name {_SEQUENCE}.resources.data.accessKey.userName
            {_SEQUENCE}.resources.data.accessKey.principalId""",
        "hosts": "resource.instanceDetails.instanceId resource.rdsDbInstanceDetails.dbInstanceIdentifier",
        "domains": f"""service.action.dnsRequestAction.domain service.action.awsApiCallAction.domainDetails.domain
            {_SEQUENCE}.endpoints.domain""",
        "hashes": f"""service.runtimeDetails.process.executableSha256 service.runtimeDetails.context.moduleSha256
            service.runtimeDetails.context.modifyingProcess.executableSha256
            service.runtimeDetails.context.targetProcess.executableSha256
            service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames.filePaths.hash
            service.malwareScanDetails.threats.hash service.malwareScanDetails.threats.itemPaths.hash
            service.malwareScanDetails.threats.itemDetails.hash
            service.evidence.threatIntelligenceDetails.threatFileSha256 {_SEQUENCE}.actors.process.sha256""",
    },
)
