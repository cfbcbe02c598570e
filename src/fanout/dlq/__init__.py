"""`fanout dlq`: read dead messages, tell why they are dead, and bring them back.

`message` is a dead message as SQS hands it out; `diagnosis` says why it is dead and whether it
would succeed now; `sweep` reads a whole DLQ once without consuming it; `selection` decides which
messages a command is about; `groups` counts them by cause. `replay` moves them, in a run of
`fanout.runs`: through the queue or through the consumer function. Ports are in `ports`; their
adapters are `sqs_queues` and `consumer_function`. `lock` keeps two operators apart.

How to build another command on this: make a `Selection`, `freeze.freeze` it into a new run, then
open a `Sweep` and deal with the messages that the run's ledger knows, step by step, with an intent
before and a done after each. Register how to go on with it in `resume.RESUMERS`.
"""
