"""Where SAM and Terraform differ and are meant to: what each says, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What the two deploy, and the reason that a reviewer accepted."""

    sam: str
    terraform: str
    reason: str


_LIVE = (
    "Terraform publishes a version at each apply and lets mappings and schedules run the alias "
    "`live`, which can be pinned to an older one. Under SAM an update of the stack is taken back "
    "as a whole by CloudFormation, so the function itself is what runs."
)
_TABLE = (
    "Terraform cannot leave a resource behind by a variable; the table's own protection refuses "
    "the deletion instead, until somebody lifts it."
)

MEANT = {
    "mapping fanout-publisher: runs": Meant(
        sam="fanout-publisher", terraform="fanout-publisher:live", reason=_LIVE
    ),
    "mapping fanout-payments-consumer: runs": Meant(
        sam="fanout-payments-consumer", terraform="fanout-payments-consumer:live", reason=_LIVE
    ),
    "rule fanout-sentinel: target": Meant(
        sam="arn:aws:lambda:eu-west-1:123456789012:function:fanout-sentinel",
        terraform="arn:aws:lambda:eu-west-1:123456789012:function:fanout-sentinel:live",
        reason=_LIVE,
    ),
    "table fanout-accounts: with the stack": Meant(
        sam="kept", terraform="refused while it is protected", reason=_TABLE
    ),
    "table fanout-payments: with the stack": Meant(
        sam="kept", terraform="refused while it is protected", reason=_TABLE
    ),
    "bucket fanout-failures-123456789012-eu-west-1: with the stack": Meant(
        sam="kept",
        terraform="refused while it holds anything",
        reason=(
            "S3 refuses to delete a bucket that is not empty, and Terraform empties it only with "
            "`failure_bucket_force_destroy`. CloudFormation would fail the whole deletion on it."
        ),
    ),
    "key Key: with the stack": Meant(
        sam="kept",
        terraform="deleted after 30 days",
        reason=(
            "Terraform schedules the deletion, which can be taken back for as long as that, and "
            "gets there only after the tables and the bucket let themselves be deleted."
        ),
    ),
    "queue fanout-payments-dlq: with the stack": Meant(
        sam="kept",
        terraform="deleted",
        reason=(
            "SQS has no protection, and `prevent_destroy` takes no variable: it would refuse every "
            "destroy of every subscriber. The module's README says to replay or save it first."
        ),
    ),
}
"""Each by the fact that differs."""
