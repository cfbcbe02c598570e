"""An operator who types what a runbook shows, read from the page, on a running deployment.

A command of `fanout` runs in this process. The AWS CLI is a stand-in: it looks each option up in
AWS's own description of the operation. What else a page shows goes to a shell.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import jmespath
from botocore import xform_name

from docs.doc_blocks import ROOT
from e2e.fanout_command import Fanout, run_here
from waiting import eventually

FOLDER = ROOT / "docs" / "runbooks"
_AT_ONCE = {
    "reconcile": ("--grace-seconds", "2"),
    "backfill": ("--no-wait",),
    "dlq edit": ("--watch", "1s"),
    "dlq replay": ("--watch", "1s"),
}
"""What is typed with a command, so that it does not wait for what takes its time on AWS."""
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Runbook:
    """A page, and what of it was typed.

    `filled`: what stands for an example on the page, such as a message's id.
    """

    page: str
    fanout: Fanout
    environment: Mapping[str, str]
    filled: dict[str, str] = field(default_factory=dict)
    _typed: set[str] = field(default_factory=set)

    def opens(self, *words: str) -> str:
        """Type the first command until it says all these words of one thing; then its block's rest.

        Answers what all of that printed.
        """
        first, *rest = self._blocks("Type this")[0]
        said: list[str] = []

        def says() -> bool:
            said[:] = [self._type(first)]
            return any(all(word in part for word in words) for part in re.split("[✗!·] ", said[0]))

        eventually(says, f"{first} says {words}")
        return " ".join([*said, *map(self._type, rest)])

    def types(self, heading: str, *which: int) -> str:
        """Type the blocks of a section, or these of them; answers what they printed."""
        blocks = self._blocks(heading)
        chosen = [blocks[index] for index in which] or blocks
        return " ".join(self._type(command) for block in chosen for command in block)

    def types_again(self, command: str) -> str:
        """Type a command that the page names."""
        assert re.search(f"^{re.escape(command)}$|`{re.escape(command)}`", self._text, re.MULTILINE)
        return self._type(command)

    def is_over(self) -> None:
        """Type what shows the end until it exits with 0."""
        [commands] = self._blocks("It is over when")
        for command in commands:
            eventually(lambda command=command: self._run(command)[0] == 0, f"{command} ends well")

    def left(self) -> list[str]:
        """What the page shows and nobody has typed."""
        shown = {command for block in _blocks_of(self._text) for command in block}
        return sorted(shown - self._typed)

    # Private functions

    @property
    def _text(self) -> str:
        return (FOLDER / f"{self.page}.md").read_text(encoding="utf-8")

    def _blocks(self, heading: str) -> list[list[str]]:
        sections = dict(each.split("\n", 1) for each in self._text.split("\n## "))
        return _blocks_of(sections[heading])

    def _type(self, command: str) -> str:
        code, said = self._run(command)
        assert code in {0, 1}, f"{command} exits with {code}: {said}"
        return said

    def _run(self, command: str) -> tuple[int, str]:
        """The exit code, and what it printed, in one line."""
        self._typed.add(command)
        for example, real in self.filled.items():
            command = command.replace(example, real)
        words = shlex.split(command)
        if words[0] == "fanout":
            begin = " ".join(words[1:3])
            at_once = next((each for name, each in _AT_ONCE.items() if begin.startswith(name)), ())
            done = run_here(*words[1:], *at_once, environment=self.environment)
            code, said = done.returncode, done.stdout + done.stderr
        elif words[0] == "aws":
            code, said = 0, aws(words[1:], self.fanout.deployment.client)
        else:
            code, said = subprocess.call(["bash", "-c", command]), ""
        sys.stdout.write(f"$ {command}\n{said}\n")
        return code, " ".join(said.split())


def aws(words: list[str], client: Callable[[str], Any]) -> str:
    """What the AWS CLI would print for these words."""
    service, action, *rest = words
    if action == "tail":
        group, *rest = rest
        pattern = " ".join(dict(_options(rest)).get("--filter-pattern", []))
        pages = client("logs").get_paginator("filter_log_events")
        answers = pages.paginate(logGroupName=group, filterPattern=pattern)
        return "\n".join(event["message"] for page in answers for event in page["events"])
    api, options = client(service), dict(_options(rest))
    query = options.pop("--query", ["@"])
    options.pop("--max-items", None)  # of the CLI's own paging
    method = action.replace("-", "_")
    model = api.meta.service_model.operation_model(api.meta.method_to_api_mapping[method])
    names = {f"--{xform_name(name, '-')}": name for name in model.input_shape.members}
    request = {names[option]: values[0] for option, values in options.items()}
    return str(jmespath.search(query[0], getattr(api, method)(**request)))


# Private functions


def _blocks_of(text: str) -> list[list[str]]:
    """The commands of each shell block."""
    return [block.splitlines() for block in _BLOCK.findall(text)]


def _options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with its values."""
    starts = [index for index, word in enumerate(words) if word.startswith("--")]
    for start, end in pairwise([*starts, len(words)]):
        yield words[start], words[start + 1 : end]
