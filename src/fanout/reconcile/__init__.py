"""`fanout reconcile`: does a subscriber's table agree with Accounts? If not, since when and why?

`comparison` is pure. `subscriber_rows` is the table adapter. `first_look` finds what differs and
`settling` takes out what is in flight; `difference_store` keeps the rest on the disk. `causes`
explains it, and `repair` mends it through the subscriber's own queue and guard.
"""
