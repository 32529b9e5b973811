"""AWS Global Accelerator: flow logs."""

from __future__ import annotations

from slips.parsing import Columns, epoch

_COLUMNS = """version aws_account_id accelerator_id client_ip client_port accelerator_ip accelerator_port endpoint_ip
    endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status
    globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction
    vpc_id reject_reason"""

GLOBAL_ACCELERATOR = Columns(
    "global-accelerator",
    "flow logs of AWS Global Accelerator",
    "https://docs.aws.amazon.com/global-accelerator/latest/dg/monitoring-global-accelerator.flow-logs.html",
    tag="aws.global-accelerator",
    time=epoch("start_time"),
    message="{action|log_status|'flow'}{' ' client_ip}{' => ' endpoint_ip|accelerator_ip}",
    columns=_COLUMNS,
    header=f"{_COLUMNS} gip gip_port log-status",  # names that some versions of the header have
    optional="vpc_id reject_reason",
    absent="-",
    integers="""client_port accelerator_port gip_port endpoint_port packets bytes start_time end_time
        globalaccelerator_source_port""",
    entities={"addresses": "client_ip accelerator_ip gip endpoint_ip"},
)
