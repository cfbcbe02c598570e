"""Who subscribes, how far behind each one is, and whether its contract is tested."""
