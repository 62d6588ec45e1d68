"""`make demo`, as somebody runs it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.issuers.acme.pebbles import NEW, OLD, programs


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


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [OLD, NEW])
async def test_it_tells_a_life_at_an_acme_ca(kind: str, tmp_path: Path) -> None:
    """At either Pebble it proves itself, is renewed, revoked at the CA and refunded, and DNS is clean."""
    found = (await programs(kind)).pebble.parent
    command = (sys.executable, "-m", "lab.demo", "--issuer", "acme")
    environment = {**os.environ, "CERTLOOM_PEBBLE": str(found if kind == NEW else tmp_path)}
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=110, check=False, env=environment
    )

    told = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "deleted, refunded in full" in told
    assert told.count("is revoked.") == 2
    assert ("notes that the new order replaces the old" in told) == (kind == NEW)
    assert ("an older one without renewal information" in told) == (kind == OLD)
