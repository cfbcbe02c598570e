"""`fanout backfill`: today's state of every customer, to one subscriber's queue and nobody else's.

`reading`, `snapshots`, `read_time` and `followed_statuses` are pure; `accounts_table`,
`dated_read`, `snapshot_queue` and `subscription_check` talk to AWS; `seeding` is the use case, and
`checkpoints` lets it go on after a kill.
"""
