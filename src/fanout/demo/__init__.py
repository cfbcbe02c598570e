"""`fanout demo`: play status changes through the whole system and account for each of them.

`changes_file` reads what is to be played, `sample` wrote the file that ships. `player` writes to
the Accounts table, `taps` watch what happens along the way, `ledger` (pure) follows each change to
its end, `tables` compares what is stored, and `summary` tells a person. `run` ties them together.
"""
