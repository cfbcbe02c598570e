"""`make release`: what it refuses before it builds anything, and what it writes."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("basename", "cat", "cmp", "cp", "grep", "mkdir", "mktemp", "mv", "rm", "sed", "sh")
STUBS = {
    "fanout": 'echo "$3" >"$7/publisher-$3.zip"',
    "python": 'echo wheel >"dist/customer_status_fanout-9.9.9-py3-none-any.whl"',
    "cyclonedx-py": 'for last; do :; done; echo "{}" >"$last"',
}


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path):
    """What the script reads, stubs of the tools that take long, and a PATH without a Python."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "infra" / "sam").mkdir(parents=True)
    shutil.copy(ROOT / "infra" / "sam" / "template.yaml", tmp_path / "infra" / "sam")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.9.9"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 9.9.9\n\nNew.\n\n## 9.9.8\n\nOld.\n")
    for name in ("fanout", "python"):
        script(tmp_path / "bin" / name, STUBS[name])
    audit = tmp_path / "build" / "audit-venv"
    script(audit / "bin" / "cyclonedx-py", STUBS["cyclonedx-py"])
    shutil.copy(ROOT / "requirements" / "audit" / "audit.txt", audit / "installed.txt")
    (tmp_path / "path").mkdir()
    for tool in (*TOOLS, "sha256sum" if shutil.which("sha256sum") else "shasum"):
        (tmp_path / "path" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def release(clone, *runtimes):
    return subprocess.run(
        ["/bin/sh", "scripts/release.sh", "bin", *runtimes],
        cwd=clone,
        env={"PATH": str(clone / "path")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("runtimes", "sentence"),
    [
        (["3.13"], "no working python3.13 on the PATH"),
        (["3.9"], "no Lambda runtime python3.9; known: 3.12 3.13 3.14"),
        ([], "none of the Pythons that Lambda offers is on the PATH (3.12 3.13 3.14)"),
    ],
)
def test_a_runtime_without_its_python_is_named_and_nothing_is_built(clone, runtimes, sentence):
    done = release(clone, *runtimes)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert not (clone / "dist").exists()


def test_a_version_without_a_section_in_the_changelog_is_refused(clone):
    script(clone / "path" / "python3.13", "exit 0")
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\nNew.\n")
    done = release(clone)
    assert done.returncode == 2
    assert 'CHANGELOG.md has no section "## 9.9.9"' in done.stderr
    assert not (clone / "dist").exists()


def test_a_release_has_every_file_with_its_checksum_and_names_the_runtimes_left_out(clone):
    script(clone / "path" / "python3.13", "exit 0")
    (clone / "dist").mkdir()
    (clone / "dist" / "publisher-9.9.9-python3.12-arm64.zip").write_text("of an earlier try")
    done = release(clone)
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        "release: left out python3.12",
        "release: left out python3.14",
    ]
    written = {path.name for path in (clone / "dist").iterdir()}
    assert written == {
        "CHANGELOG-9.9.9.md",
        "SHA256SUMS",
        "customer_status_fanout-9.9.9-py3-none-any.whl",
        "local-9.9.9.cdx.json",
        "payments_consumer-9.9.9.cdx.json",
        "sentinel-9.9.9.cdx.json",
        "publisher-9.9.9-python3.13-arm64.zip",
        "publisher-9.9.9-python3.13-x86_64.zip",
        "publisher-9.9.9.cdx.json",
    }
    assert (clone / "dist" / "CHANGELOG-9.9.9.md").read_text() == "\nNew.\n"
    assert (clone / "dist" / "publisher-9.9.9-python3.13-arm64.zip").read_text() == "arm64\n"
    summed = (clone / "dist" / "SHA256SUMS").read_text().splitlines()
    assert {line.split()[1] for line in summed} == written - {"SHA256SUMS"}
