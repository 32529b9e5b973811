"""Sign-ons to Workday, as its web service `Get_Workday_Account_Signons` answers them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The elements of the answer, which is XML: as JSON objects, as collectors write them, or behind `xml-events`.
WORKDAY_SIGNON = Json(
    "workday-signon",
    "Workday sign-ons and attempts to sign on, of its web service Get_Workday_Account_Signons, as JSON or XML",
    "https://community.workday.com/sites/default/files/file-hosting/productionapi/Identity_Management/v45.2/"
    "Get_Workday_Account_Signons.html",
    require=all_of("Signon_DateTime", any_of("User_Name", "Signon_IP_Address", "Authentication_Type")),
    time=iso("Signon_DateTime"),
    tag="workday.signon",
    message="sign-on{' of ' User_Name}{' from ' Signon_IP_Address}{' by ' Authentication_Type}"
    "{', successful: ' Successful}{': ' Authentication_Failure_Message}",
    booleans="""Successful Failed_Signon Invalid_Credentials Password_Changed Forgotten_Password_Reset_Request
        Invalid_for_Authentication_Channel Invalid_for_Authentication_Policy Required_Password_Change
        Account_Disabled_or_Expired MFA_Authentication_Exempt Has_Grace_Period_for_MFA MFA_Enrollment
        Device_is_Trusted Tenant_Access_Read_Only""",
    boolean_words="1/0",
    entities={"addresses": "Signon_IP_Address", "users": "User_Name"},
)
