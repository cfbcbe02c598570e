"""`fanout archive replay`: deliver archived events again, to one subscriber and nobody else.

`eventbridge_archive` names the subscriber's own rules in a replay of the bus's archive;
`sns_archive` sets the replay policy of the subscriber's own subscription to a FIFO topic.
"""
