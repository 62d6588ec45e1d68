"""Ports for servers that are told theirs before they listen."""

import socket
from pathlib import Path

import pytest

from workers import ports


def given_out_from(folder: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    told = folder / "range"
    told.write_text(f"{first}\t60999\n", encoding="ascii")
    monkeypatch.setattr(ports, "_RANGE", told)


def test_no_connection_gets_it_by_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies below the ports that the system hands out by itself."""
    given_out_from(tmp_path, monkeypatch, 20_000)
    assert all(16_384 <= ports.free_port() < 20_000 for _ in range(100))


def test_a_system_that_hands_out_all_is_asked_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no such ports are left, the system chooses."""
    given_out_from(tmp_path, monkeypatch, 1_024)
    assert list(ports.candidates()) == [0]
    assert ports.free_port() >= 1_024


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_what_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    """A port that another has, by TCP or by UDP, is not returned."""
    with socket.socket(type=kind) as other:
        other.bind((ports.HOST, 0))
        taken = other.getsockname()[1]
        monkeypatch.setattr(ports, "candidates", lambda: iter((taken, 0)))
        assert ports.free_port() != taken
