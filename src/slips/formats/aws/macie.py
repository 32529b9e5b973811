"""Amazon Macie: findings."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

MACIE = Json(
    "macie",
    "findings and discovery results of Amazon Macie, also as events of EventBridge",
    "https://docs.aws.amazon.com/macie/latest/user/findings-publish-event-schemas.html",
    also_in="detail",
    tag="aws.macie",
    time=iso("updatedAt", "createdAt"),
    message="{severity.description|'-'} {type|'-'} {resourcesAffected.s3Bucket.name|'-'}/"
    "{resourcesAffected.s3Object.key|'-'}",
    require=any_of("classificationDetails", "policyDetails", "resourcesAffected"),
    integers="count severity.score resourcesAffected.s3Object.size",
    entities={
        "addresses": "policyDetails.actor.ipAddressDetails.ipAddressV4",
        "users": """policyDetails.actor.userIdentity.iamUser.userName policyDetails.actor.userIdentity.assumedRole.arn
            policyDetails.actor.userIdentity.federatedUser.arn policyDetails.actor.userIdentity.root.arn
            policyDetails.actor.userIdentity.assumedRole.sessionContext.sessionIssuer.userName
            policyDetails.actor.userIdentity.federatedUser.sessionContext.sessionIssuer.userName
            resourcesAffected.s3Bucket.owner.displayName""",
        "domains": "policyDetails.actor.domainDetails.domainName",
        "hashes": "resourcesAffected.s3Object.eTag resourcesAffected.s3Object.etag",
    },
)
