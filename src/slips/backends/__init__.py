"""The ports, filled: `machine` on this machine, `aws` on AWS."""
