import io
import os
import zipfile

from fanout.packaging.build import zipped


def test_the_bytes_depend_on_names_and_contents_only(tmp_path):
    (tmp_path / "b.py").write_text("b")
    (tmp_path / "a.py").write_text("a")
    names = {"pkg/b.py": tmp_path / "b.py", "pkg/a.py": tmp_path / "a.py"}
    before = zipped(names)
    os.utime(tmp_path / "a.py", (1_000_000_000, 1_000_000_000))
    (tmp_path / "b.py").chmod(0o755)
    assert zipped(dict(reversed(names.items()))) == before


def test_entries_are_sorted_readable_by_all_and_from_1980(tmp_path):
    (tmp_path / "a.py").write_text("a")
    files = dict.fromkeys(("z.py", "a/b.py", "a.py"), tmp_path / "a.py")
    entries = zipfile.ZipFile(io.BytesIO(zipped(files))).infolist()
    assert [entry.filename for entry in entries] == ["a.py", "a/b.py", "z.py"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
