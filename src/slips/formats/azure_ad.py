"""Logs of Azure Active Directory, today Microsoft Entra ID, one JSON object a record.

Three shapes of the same record are understood: that of the reporting API of 2018, that of Microsoft Graph today, and
either within `properties` of an Azure Monitor diagnostic log. Events are kept as they come.
"""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData


def _set_time(meta: MetaData, event: Event, *names: str) -> None:
    """The first of `names` in the event, else in its `properties`, else `time`; without any of them it stays."""
    for name in names:
        if value := event.get(name):  # nearly always
            meta.timestamp = times.iso(value, name)
            return
    for fields in (event, event.get("properties")):
        if fields.__class__ is dict:
            for name in names:
                value = fields.get(name)
                if value is not None and value != "":
                    meta.timestamp = times.iso(value, name)
                    return
    value = event.get("time")
    if value is not None and value != "":
        meta.timestamp = times.iso(value)


@parser(
    "azure-ad-event",
    summary="sign-ins to Azure AD (Microsoft Entra ID)",
    reference="https://learn.microsoft.com/en-us/graph/api/resources/signin",
    tag="azure_ad.signin_event",
)
def azure_ad_event(meta: MetaData, event: Event) -> Event:
    """The time is `signinDateTime`, in today's logs `createdDateTime`; it says when the sign-in began."""
    meta.tag = "azure_ad.signin_event"
    _set_time(meta, event, "signinDateTime", "createdDateTime")
    return event


@parser(
    "azure-ad-audit",
    summary="changes to an Azure AD directory (Microsoft Entra ID)",
    reference="https://learn.microsoft.com/en-us/graph/api/resources/directoryaudit",
    tag="azure_ad.audit",
)
def azure_ad_audit(meta: MetaData, event: Event) -> Event:
    """The time is `activityDate`, in today's logs `activityDateTime`."""
    meta.tag = "azure_ad.audit"
    _set_time(meta, event, "activityDate", "activityDateTime")
    return event


@parser(
    "azure-ad-risk-event",
    summary="risks that Azure AD Identity Protection detected",
    reference="https://learn.microsoft.com/en-us/graph/api/resources/riskdetection",
    tag="azure_ad.risk_event",
)
def azure_ad_risk_event(meta: MetaData, event: Event) -> Event:
    """The time is `riskEventDateTime`, in today's logs `detectedDateTime`; both have other times beside it."""
    meta.tag = "azure_ad.risk_event"
    _set_time(meta, event, "riskEventDateTime", "detectedDateTime")
    return event
