import os
import zipfile

import pytest

from fanout.errors import Refused
from fanout.packaging.build import write_zip


def test_the_bytes_depend_on_names_and_contents_only(tmp_path):
    (tmp_path / "b.py").write_text("b")
    (tmp_path / "a.py").write_text("a")
    names = {"pkg/b.py": tmp_path / "b.py", "pkg/a.py": tmp_path / "a.py"}
    write_zip(tmp_path / "one.zip", names)
    os.utime(tmp_path / "a.py", (1_000_000_000, 1_000_000_000))
    (tmp_path / "b.py").chmod(0o755)
    write_zip(tmp_path / "two.zip", dict(reversed(names.items())))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_entries_are_sorted_readable_by_all_and_from_1980(tmp_path):
    (tmp_path / "a.py").write_text("a")
    files = dict.fromkeys(("z.py", "a/b.py", "a.py"), tmp_path / "a.py")
    content = write_zip(tmp_path / "made" / "one.zip", files)
    assert (tmp_path / "made" / "one.zip").read_bytes() == content
    with zipfile.ZipFile(tmp_path / "made" / "one.zip") as found:
        entries = found.infolist()
    assert [entry.filename for entry in entries] == ["a.py", "a/b.py", "z.py"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_an_output_that_is_no_folder_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"can't be written .* or name another with --output"):
        write_zip(tmp_path / "file" / "one.zip", {})


def test_a_file_that_cant_be_read_leaves_the_old_package(tmp_path):
    target = tmp_path / "one.zip"
    target.write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        write_zip(target, {"a.py": tmp_path / "missing.py"})
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["one.zip"]
