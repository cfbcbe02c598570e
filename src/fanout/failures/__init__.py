"""`fanout failures`: inspect the publisher's failure store, and publish again what is in it.

Two kinds of objects are in it: a record that the publisher parked (`parked/`), and a batch that
Lambda gave up (`aws/lambda/`). `records` reads both, and predicts what the contract makes of a
record now; `store` is the bucket and the publisher's function; `recover` has the two operations:
publish again through that function, or discard what a later change has superseded.

An object is moved (copied, then deleted, in a bucket that keeps versions) to `recovered/<run>/` or
`discarded/<run>/` once all of its records are done with; until then it stays where it is, and
publishing it again gives the same event ids. So a kill at any point loses nothing.
"""
