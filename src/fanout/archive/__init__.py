"""Replay archived events to one subscriber: from an EventBridge archive, or an SNS FIFO topic's."""
