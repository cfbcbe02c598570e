"""Deploy on AWS under a random prefix, drill, ask what the documentation leaves open, tear down."""
