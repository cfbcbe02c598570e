import socket

import pytest

from fanout.errors import WrongUse
from fanout.local import emulator, runtime


def test_a_free_port_is_found_where_none_is_wanted():
    assert emulator.choose_port(None) > 1023


def test_a_wanted_port_is_taken_where_it_is_free():
    free = emulator.choose_port(None)
    assert emulator.choose_port(free) == free


def test_a_port_in_use_is_named_and_nothing_is_left_behind(tmp_path):
    with socket.socket() as taken:
        taken.bind((emulator.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(
                WrongUse, match=rf"Port {port} can't be opened .*\(Address already in use\)"
            ),
            runtime.running(tmp_path / "state", port=port),
        ):
            pass
    assert not (tmp_path / "state").exists()


def test_nothing_of_the_persons_aws_python_or_proxy_settings_is_handed_on(tmp_path, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH", "HTTPS_PROXY", "MY_SECRET"):
        monkeypatch.setenv(name, "canary")
    handed_on = emulator.clean_environment(tmp_path)
    assert "canary" not in handed_on.values()
    assert handed_on["HOME"] == handed_on["TMPDIR"] == str(tmp_path)


def test_a_missing_emulator_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(WrongUse, match=r"needs ministack, which is not installed.*make install"):
        emulator.require_installed()
