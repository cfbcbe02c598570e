"""See what the system does now, where one customer's changes are, and what is set up wrongly."""
