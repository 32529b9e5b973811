"""Decodes the payloads of functions to object events, and to the cause of a failed invocation; encodes object events.

    arrivals      payloads of EventPusher: deliveries of SNS, SQS and EventBridge around events of S3
    s3            a record of S3's own event, one of the two sources
    eventbridge   an event of EventBridge, the other source
    lane          object events as slips encodes them: records of a lane, payloads of MainFunc
    lost          payloads of Reporter and Drain: on-failure records and dead letters, around any of the above
    cause         the cause for which AWS gave up on an invocation
    object_event  an ObjectEvent made of JSON values, checked
    members       members of JSON objects, and the error texts for one that is missing or wrong

These modules do no I/O and trust no input. Any JSON results in an event, a problem in words, or an `EnvelopeError`, and
in no other exception. The shapes are those of AWS; `tests/events/` has one of each.

- S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
- EventBridge: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
- dead letters, on-failure records: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- those of a stream: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""
