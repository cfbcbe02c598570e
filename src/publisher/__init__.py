"""From a DynamoDB stream to the bus: a status transition becomes a `CustomerStatusChanged`.

`transitions` and `events` decide and are pure; `publish_batch` is the use case; the adapters are
`batched_bus` with `sns_bus` or `eventbridge_bus`, `failure_store`, `reporting` and `clock`;
`transports` declares what each transport promises; `bootstrap` puts them together.
"""
