"""`fanout demo`: play status changes through the whole system and account for each of them.

`changes` reads what is to be played. `witnesses` writes it to the Accounts table and watches what
happens along the way, `audit` (pure) follows each change to its end, `run` ties them together and
compares what is stored, and `commands` shows the result to a person.
"""
