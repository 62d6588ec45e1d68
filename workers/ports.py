"""Ports of this machine for servers that are told theirs before they listen.

They lie below those that the system hands out by itself, so that no connection made in between gets one by chance.
"""

import contextlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_FIRST: Final = 16_384
_LEAST: Final = 1_000  # fewer ports than this would meet again too often
_ATTEMPTS: Final = 50
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL: Final = 32_768  # where that range begins on Linux; on macOS and BSD it is 49152


def candidates() -> Iterator[int]:
    """Yield ports to try, in no order; the last is 0, for whatever the system gives."""
    count = _handed_out_from() - _FIRST
    if count >= _LEAST:
        for _ in range(_ATTEMPTS):
            yield _FIRST + secrets.randbelow(count)
    yield 0


def free_port() -> int:
    """Return a port of loopback that nobody had a moment ago, neither by TCP nor by UDP."""
    for port in candidates():
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            return bind(held, HOST, port, udp=True)
    raise OSError("no port of loopback is free")


def bind(held: contextlib.ExitStack, host: str, port: int, *, udp: bool) -> int:
    """Take a port, 0 for any, until *held* is closed; returns it. Raises OSError when somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tcp = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((host, port))
    found: int = tcp.getsockname()[1]
    if udp:
        held.enter_context(socket.socket(family, socket.SOCK_DGRAM)).bind((host, found))
    return found


def _handed_out_from() -> int:
    try:
        return int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL
