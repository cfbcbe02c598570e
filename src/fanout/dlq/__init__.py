"""`fanout dlq`: inspect dead messages by cause, fix them, and replay them.

`diagnosis` says why a message is dead and whether it would succeed now; `selection` decides which
messages a command is about; `overview` counts them by cause. `replay` has the operations (see
`fanout.runs.operation`) and the pass over the DLQ that they share; `steps` is what they do with a
batch. `edit`, `import_` and `blocked` hold what is special about those commands.
"""
