"""Endpoints as people write them, one on each line."""

from typing import Any

import pytest

from api.console.endpoints import read_endpoints


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("www.example.com", {"host": "www.example.com", "port": 443}),
        (" www.example.com:8443 ", {"host": "www.example.com", "port": 8443}),
        ("192.0.2.1:443 shop.example.com", {"host": "192.0.2.1", "port": 443, "server_name": "shop.example.com"}),
        ("2001:db8::1", {"host": "2001:db8::1", "port": 443}),
        ("[2001:db8::1]:8443", {"host": "2001:db8::1", "port": 8443}),
    ],
)
def test_endpoints_are_read(line: str, expected: dict[str, Any]) -> None:
    """Port and name only where they need saying."""
    assert read_endpoints(f"\n{line}\n\n") == ((expected,), ())


@pytest.mark.parametrize("line", [":443", "a:b", "a:0", "a:65536", "a:\N{ARABIC-INDIC DIGIT ONE}", "a b c", "[]:1"])
def test_other_lines_are_none(line: str) -> None:
    """The fault points at the line."""
    _, (fault,) = read_endpoints(f"www.example.com\n{line}")
    assert fault.pointer == "/endpoints/1"
