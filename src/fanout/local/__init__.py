"""The embedded AWS: the deployed template, real Lambda processes, and a stream poller, locally.

from fanout.local.runtime import running

with running(Path(".fanout"), parameters={"PublishVersions": "1,2"}) as deployment:
    deployment.client("dynamodb").put_item(TableName=deployment.accounts_table, Item={...})
"""
