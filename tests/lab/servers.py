"""What tests of the lab's servers share: programs that may not be installed, and what is served."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from lab.program import find_program
from lab.relying_party import shake_hands

NAME = "www.shop.lab.test"


def program(name: str) -> Path:
    found = find_program(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def served(port: int, name: str = NAME) -> str:
    """The fingerprint that a client gets who takes anything."""
    return shake_hands(port, name=name, root_der=None).fingerprint(hashes.SHA256()).hex()
