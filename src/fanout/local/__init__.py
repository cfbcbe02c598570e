"""The embedded AWS: the deployed template, real Lambda processes, and a stream poller, locally.

The library behind `fanout local` is `fanout.local.runtime`:

    from pathlib import Path
    from fanout.local.runtime import running

    with running(Path(".fanout"), parameters={"PublishVersions": "1,2"}) as deployment:
        accounts = deployment.client("dynamodb")
        accounts.put_item(TableName=deployment.accounts_table, Item={...})
        deployment.log_lines(deployment.publisher_function)

`running` ends every process and removes every file on the way out, even where its own process is
killed. `start`, `stop` and `look` are its parts, for a deployment that outlives the caller.
"""
