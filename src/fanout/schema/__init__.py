"""The gate in front of the contract: `fanout schema check`."""
