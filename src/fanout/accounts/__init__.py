"""What reads the Accounts table: backfill seeds from it, reconcile compares and repairs."""
