import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certloom.settings import BadSetting
from workers.home import Home, claim, read_json, write_private


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with claim(tmp_path / "home") as claimed:
        yield claimed


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_one_instance_has_the_folder(home: Home) -> None:
    """A second instance is refused with a sentence that names the first one's process."""
    with pytest.raises(BadSetting, match=rf"runs already on .*, as process {os.getpid()}:"), claim(home.folder):
        pass


def test_the_folder_is_free_again_afterwards(home: Home, tmp_path: Path) -> None:
    """Another folder is free all along, and the same one once the first instance has ended."""
    with claim(tmp_path / "other"):
        pass
    with claim(tmp_path / "other") as again:
        assert again.folder == tmp_path / "other"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the folder should be ends with a sentence, not a traceback."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(BadSetting, match=r"file/home cannot be written: Not a directory\."),
        claim(tmp_path / "file/home"),
    ):
        pass


def test_what_is_secret_is_the_owners_alone(home: Home) -> None:
    """The folder and the files in it are closed to everybody else."""
    write_private(home.dev_json, "{}")
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.dev_json.stat().st_mode) == 0o600


def test_a_free_port_is_kept_for_the_next_start(home: Home) -> None:
    """Zero picks a port once: the next start has the same, because addresses stand in certificates."""
    first = home.choose_ports({"api": 0, "lab_dns": 0}, host="127.0.0.1")
    assert home.choose_ports({"api": 0, "lab_dns": 0}, host="127.0.0.1") == first
    assert len(set(first.values())) == 2


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(home: Home, taken: int) -> None:
    """A picked port that another program has now does not keep the service from starting."""
    write_private(home.folder / "ports.json", f'{{"api": {taken}}}')
    assert home.choose_ports({"api": 0}, host="127.0.0.1")["api"] != taken


def test_a_wanted_port_that_is_taken_is_told(home: Home, taken: int) -> None:
    """The sentence names the port and the variable that changes it."""
    with pytest.raises(BadSetting, match=rf"Port {taken} cannot be used .*: set CERTLOOM_TEMPORAL_UI_PORT"):
        home.choose_ports({"temporal_ui": taken}, host="127.0.0.1")


def test_leftovers_of_a_killed_instance_are_ended(home: Home) -> None:
    """A process that outlived its supervisor is killed at the next start, so it cannot block a port."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as left:
        home.remember({"worker": left.pid})
        assert home.end_leftovers() == ["worker"]
        assert left.wait() == -signal.SIGKILL


def test_a_process_that_only_has_the_same_id_is_left_alone(home: Home) -> None:
    """Process ids are used again: one that was born at another time is not ours to kill."""
    write_private(home.folder / "children.json", f'{{"worker": {{"pid": {os.getpid()}, "born": "long ago"}}}}')
    assert home.end_leftovers() == []


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_broken_file_counts_as_none(content: str, tmp_path: Path) -> None:
    """Files of ours that a power cut broke are made anew."""
    (tmp_path / "file").write_text(content, encoding="utf-8")
    assert read_json(tmp_path / "file") == {}
