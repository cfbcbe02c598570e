"""Events beside `CustomerStatusChanged` that the same stream gives: one module each.

A module's `entries(record, rules, producer)` answers the entries for the bus, and raises
`BadRecord` where the record holds a change that can't become an event.
"""

from publisher.publish_batch import EntriesOf

ALL: tuple[EntriesOf, ...] = ()
"""What the publisher makes beside a status: `(customer_email_changed.entries,)`."""
