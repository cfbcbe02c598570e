"""The journal of operator runs: what was selected, each step before and after, how each item ended.

Whatever moves messages or events in bulk (a replay, an edit, a discard, a recovery, a backfill)
writes a run. A run is one JSON Lines file, and that file is the only truth about it:

1. `store.RunStore.create` makes the file with its header: who runs what, on which deployment.
2. `store.Run.select` freezes the selection as ids with a few facts each; `freeze` closes it with a
   cut-off time. Nothing outside has changed until here, and nothing selected is held or locked.
3. `store.Run.start` says that it begins now (again after each crash or pause: that is a resume).
4. For each batch of items and each step with an effect outside (send, delete, put): `record` an
   `intent`, which is on the disk before the call is made; make the call; `record` its `done`.
5. `ended` says how an item ended, for good. `pause` or `finish` close a stretch of work.

`ledger.Ledger` is what the records amount to, item by item, in an SQLite file that is made anew
from the journal whenever a run is opened: it bounds memory and is never a second truth. `report`
puts it into words and numbers. After a crash an item stands in one of five states (`ledger.State`),
and each says what a resume has to do:

- `waiting`: nothing was begun.
- `doing` (a step): the step was begun and its end is unknown. The item is marked `unsure` from then
  on: do the step again where that loses nothing, and let the report say that it may be twice.
- `did` (a step): the step is done; go on with the next.
- `failed` (a step): the step was refused; nothing happened.
- `ended`: leave it alone.

`operation` does all of this for a command but its own steps; `commands` are `fanout runs`.
"""
