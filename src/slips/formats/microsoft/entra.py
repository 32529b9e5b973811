"""Logs of Azure Active Directory, today Microsoft Entra ID, one JSON object a record.

The parsers read three shapes of the same record: that of the reporting API of 2018, that of Microsoft Graph today, and
either within `properties` of an Azure Monitor diagnostic log. They set tag and time, and leave the event unchanged.
"""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData


def _set_time(meta: MetaData, event: Event, *names: str) -> None:
    """Set the time from the first of `names` in the event, else in its `properties`, else from `time`.

    If the event has none of these fields, the time stays the object's event time.
    """
    for name in names:
        if value := event.get(name):  # the usual case, without the loops below
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
    """Set the time to `signinDateTime`, in today's logs `createdDateTime`: the begin of the sign-in."""
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
    """Set the time to `activityDate`, in today's logs `activityDateTime`."""
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
    """Set the time to `riskEventDateTime`, in today's logs `detectedDateTime`, whatever other times the event has."""
    meta.tag = "azure_ad.risk_event"
    _set_time(meta, event, "riskEventDateTime", "detectedDateTime")
    return event
