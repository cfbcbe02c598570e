"""`python -m infra.sam_policies FOLDER`: each policy of the deployed template as a JSON file."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.sam_template import DEPLOYMENTS, deployed


def policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and document of each role's, queue's, topic's, bucket's and key's policy.

    Trust policies are left out: the linter takes a statement without a resource for a fault, and
    they have none. The comparison with Terraform covers them.
    """
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for inline in properties.get("Policies", []):
            yield f"{name}-{inline['PolicyName']}", inline["PolicyDocument"]
        for key in ("PolicyDocument", "KeyPolicy"):
            if key in properties:
                document = properties[key]  # X-Ray's is a text
                yield f"{name}-{key}", json.loads(document) if name == "TopicTraces" else document


def main(folder: Path) -> None:
    """Write them for the deployments that differ in permissions."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for title in ("with a table to try it", "an existing Accounts table", "with every setting"):
        for name, document in policies(deployed(**DEPLOYMENTS[title])):
            path = folder / f"{title.replace(' ', '-')}--{name}.json"
            path.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
