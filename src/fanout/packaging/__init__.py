"""Lambda packages: a service, its locked dependencies, and the same bytes on every build."""
