"""The entry as a pipe's enrichment: `publisher.pipe_entry.lambda_handler`."""

from publisher import bootstrap

lambda_handler = bootstrap.build_for_pipe()
