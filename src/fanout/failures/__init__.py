"""`fanout publisher failures`: read the publisher's failure store, and publish again what is in it.

Two kinds of objects lie there: a record that the publisher parked (`parked/`), and a batch that
Lambda gave up (`aws/lambda/`). `documents` reads both; `object_store` is the bucket; `stream_range`
reads again from the stream what is only known by shard and sequence numbers. `forecast` tells what
the current contract makes of a record; `groups` counts by cause. `recovery` publishes again, in a
run of `fanout.runs`, through the publisher's own function (`publisher_function`), in the order of
`merge`; `discarding` moves away what a later change has superseded.

An object is moved (copied, then deleted, in a bucket that keeps versions) to `recovered/<run>/` or
`discarded/<run>/` once all of its records are done with; until then it stays where it is, and going
over it again gives the same event ids. That is why a kill at any point loses nothing.
"""
