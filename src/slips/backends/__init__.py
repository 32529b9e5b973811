"""The ports, filled: `embedded` and `directory` on this machine, `aws` on AWS."""
