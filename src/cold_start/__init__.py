"""What makes a Lambda function start fast, the publisher and every consumer alike."""
