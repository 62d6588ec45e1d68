"""`make demo`, as somebody runs it."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(200)
@pytest.mark.parametrize("option", ["", "--edges"], ids=["servers of this machine", "edges of the lab"])
def test_it_ends_deleted_and_refunded_after_deployments(option: str) -> None:
    """A whole life is told: proven on every server, rolled back on a broken one, revoked only when served no more."""
    command = [sys.executable, "-m", "lab.demo", *option.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    told = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "deleted, refunded in full" in told
    assert "deployments 9 proven, 1 rolled back (the lab's edge)" in told
    assert "served the certificate from before" in told
    assert "answer 409 in_use" in told
    assert "entries: 3" in told
