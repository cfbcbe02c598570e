"""Lambda packages: only what a service imports, the same bytes on every build."""
