"""Advises on what S3, or a server like it, refuses: what was expected, and what to do, by the code of its answer. Pure.

The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and the status in place of
one that has no body. Other servers use some of these codes, and a few of their own.
"""

from __future__ import annotations

from slips.errors import GONE

_KEYS = "the bucket's 'profile' in the config, AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_RENEW = (
    "expected credentials that have not expired; renew them ('aws sso login' does for SSO), or leave out an old "
    "AWS_SESSION_TOKEN"
)
_ACCOUNT = "expected an account that may use this service; look at the account, or ask whoever runs the service"
_REGION = "expected the region of the bucket; give it as 'region' of the bucket in the config, or in AWS_REGION"
_NO_BUCKET = "expected a bucket of that name; create it, or mend the name"

_CREDENTIALS = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSecurity", "Unauthorized", "401"),
        f"expected the access key of an active user or role that this server knows; look at {_KEYS}",
    ),
    "SignatureDoesNotMatch": "expected a signature by the secret key that belongs to the access key; look at "
    f"{_KEYS}; if they are right, a proxy may change requests",
    **dict.fromkeys(("ExpiredToken", "TokenRefreshRequired", "RequestExpired"), _RENEW),
    "InvalidToken": "expected the session token that belongs to the access key; look at AWS_SESSION_TOKEN, which keys "
    f"of a user do not have, and at {_KEYS}",
    "RequestTimeTooSkewed": "expected a clock that is at most 15 minutes wrong; set the clock of this machine",
    **dict.fromkeys(("NotSignedUp", "AccountProblem", "AllAccessDisabled", "UserSuspended", "InvalidPayer"), _ACCOUNT),
}
OF_CREDENTIALS = frozenset(_CREDENTIALS)
"""Codes for credentials by which no object of the bucket can be read."""
_SETTINGS = {
    **dict.fromkeys(("PermanentRedirect", "301", "IllegalLocationConstraintException"), _REGION),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), _NO_BUCKET),
}
_OF_LISTINGS = {
    **dict.fromkeys(
        ("AccessDenied", "403"),
        "expected the right to list these keys; give this user or role 's3:ListBucket' on the bucket, for this prefix, "
        "or leave the prefix out",
    ),
    "404": _NO_BUCKET,
}
_OF_LISTINGS_ELSE = "expected a page of keys; try again, then look at the server"
_OF_OBJECTS = {
    # The code means both to a role that may not list the bucket.
    **dict.fromkeys(
        ("AccessDenied", "403"),
        f"the object is gone, or this role may not read it; give the role 's3:GetObject' on it; if it is gone, {GONE}",
    ),
    **dict.fromkeys(
        ("NoSuchKey", "NoSuchVersion", "404"),
        f"expected the object, which was there before; {GONE}",
    ),
    "InvalidObjectState": "expected an object that is not archived; restore it, then process it again",
}


def advice_on_listing(code: str, message: str) -> str:
    """Return what was expected of a listing that S3 refused, and what to do."""
    return _advice(code, message) or _OF_LISTINGS.get(code, _OF_LISTINGS_ELSE)


def advice_on_object(code: str, message: str) -> str:
    """Return what was expected of a request for an object that S3 refused, and what to do; empty if nothing helps."""
    return _advice(code, message) or _OF_OBJECTS.get(code, "")


def _advice(code: str, message: str) -> str:
    if code == "AuthorizationHeaderMalformed":  # a wrong region, or an empty access key
        return _REGION if "region" in message else _CREDENTIALS["InvalidAccessKeyId"]
    return _CREDENTIALS.get(code) or _SETTINGS.get(code, "")
