"""`make demo`, as somebody runs it."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(200)
def test_it_ends_deleted_and_refunded() -> None:
    """The demo takes a certificate through its whole life, says so in its last line, and leaves with 0."""
    done = subprocess.run([sys.executable, "-m", "lab.demo"], capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "deleted, refunded in full" in done.stdout
