"""slips runs your Python on every record of every log object that lands in S3, loses none, and can prove it."""

__version__ = "0.1.0"
