"""Deploy another stack, a subscriber's own, on an embedded AWS that runs already."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fanout.local import stack
from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import StateFolder


def add_stack(
    deployment: LocalDeployment, template: Path, *, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """Build the packages that the template names, and create or update its stack.

    Args:
        deployment: What runs.
        template: A SAM template; its file's name without suffix ends the stack's name.
        parameters: Overrides of the template's parameters.

    Returns:
        The stack's name, and the services that were built for it.

    Raises:
        WrongUse: no such template, parameter or service.
        Refused: a resource could not be created; tells the reasons of the first few.
    """
    from fanout.packaging.build import build_package

    document = stack.load_template(template)
    folder = StateFolder(Path(deployment.state_dir)).packages
    packages = {
        service: build_package(service, arch="local", output=folder)
        for service in stack.services(document)
    }
    name = f"{deployment.prefix}-{template.stem}"
    stack.deploy(
        deployment.target(),
        packages=packages,
        parameters=parameters,
        template=document,
        stack=name,
    )
    return {"stack": name, "services": sorted(packages)}
