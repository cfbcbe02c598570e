"""Usage: python scripts/lint_policies.py FOLDER: parliament on each policy, less what is meant.

Runs in the linters' own virtual environment. parliament's `ignore_locations` matches nothing (1.6.4
takes a plain list for empty), so the exceptions stand here, each with its reason.
"""

import sys
from pathlib import Path

import parliament

_KEY = "--Key-KeyPolicy.json"
_IN_A_VPC = (
    "with-every-setting--ConsumerRole-keep-payments-standing.json",
    "with-every-setting--PublisherRole-publish-status-changes.json",
    "with-every-setting--SentinelRole-look-after-the-deployment.json",
)
MEANT = {
    (_KEY, "RESOURCE_STAR"): "in a key policy it means that key, and nothing else may stand there",
    (_KEY, "MISMATCHED_TYPE"): (
        "an encryption context is text to parliament; AWS documents these two as ARNs, with ArnLike"
    ),
    (_KEY, "UNKNOWN_CONDITION_FOR_ACTION"): (
        "DescribeKey has no encryption context; CloudWatch Logs' own example has it there, too"
    ),
    ("--PublisherRole-publish-status-changes.json", "RESOURCE_MISMATCH"): (
        "ListStreams on a stream, as SAM's DynamoDBStreamReadPolicy grants it; Lambda asks for it"
    ),
} | {
    (role, issue): "as Lambda's guide has it: Configuring VPC access, Required IAM permissions"
    for role in _IN_A_VPC
    for issue in ("RESOURCE_STAR", "UNKNOWN_CONDITION_FOR_ACTION")
}


def main(folder: Path) -> int:
    """Print what is not meant; 1 where there is something, or an exception that nothing needs."""
    used = set()
    left = []
    for path in sorted(folder.glob("*.json")):
        policy = parliament.analyze_policy_string(path.read_text(encoding="utf-8"), str(path))
        for finding in policy.findings:
            key = next(
                (key for key in MEANT if path.name.endswith(key[0]) and key[1] == finding.issue),
                None,
            )
            if key is None:
                left.append(f"{path.name}: {finding.issue}: {finding.detail}")
            used.add(key)
    left += [f"no finding needs this exception any more: {key}" for key in MEANT.keys() - used]
    sys.stdout.write(
        "".join(f"{line}\n" for line in left) or "policies: nothing but what is meant\n"
    )
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
