"""Subscribe a new service: what it needs is written from templates; leaving drains first."""
