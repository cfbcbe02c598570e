"""Lambda's rules for a DynamoDB stream mapping, and a poller that follows them locally."""
