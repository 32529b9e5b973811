"""The stack on AWS: template (config to CloudFormation), package (the functions' code), stack (what deploy does)."""
