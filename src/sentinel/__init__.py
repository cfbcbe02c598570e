"""Look after a running deployment: the checks that `fanout` runs by hand, on a schedule."""
