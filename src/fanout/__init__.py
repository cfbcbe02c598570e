"""The operator's command line: run it locally, look into it, repair it."""
