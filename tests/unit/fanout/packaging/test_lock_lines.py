import pytest

from fanout.errors import WrongUse
from fanout.packaging.lock import Locked, read


def test_pins_are_read_with_hashes_extras_and_markers(tmp_path):
    lock = tmp_path / "shop.txt"
    lock.write_text(
        "# a comment\n"
        "Typing_Extensions==4.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via x\n"
        "moto[sqs]==5.2.5\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:22\n"
    )
    assert read(lock) == (
        Locked(name="typing-extensions", version="4.16.0", conditional=False),
        Locked(name="moto", version="5.2.5", conditional=False),
        Locked(name="colorama", version="0.4.6", conditional=True),
    )


@pytest.mark.parametrize("line", ["six>=1.17", "six", "git+https://example.com/six", "-r more.txt"])
def test_a_line_that_pins_no_exact_version_is_named(tmp_path, line):
    lock = tmp_path / "shop.txt"
    lock.write_text(f"jmespath==1.1.0\n{line}\n")
    with pytest.raises(WrongUse, match=r"shop\.txt line 2 pins no exact version"):
        read(lock)
