"""What makes a Lambda function start and call fast, the publisher and every consumer alike."""
