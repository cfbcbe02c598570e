"""What every subscriber reuses, so that it writes only its own business rule.

A queue's batch is unwrapped, validated, upcast, handed to the subscriber's handler, and answered
message by message; what can never succeed is parked in the DLQ with its reason.
"""
