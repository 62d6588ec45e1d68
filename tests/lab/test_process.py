"""The lab as a process of its own, as `make run` starts it."""

import asyncio
import signal
import sys

import httpx
import pytest

from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from lab.proofs import Proofs
from tests.validation.challenges import dns_challenge


async def start() -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lab.world", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines: dict[str, str] = {}
    while "ready" not in lines:
        line = (await process.stdout.readline()).decode().split()
        lines[line[1]] = line[-1]
    return process, lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_stops_cleanly(number: signal.Signals) -> None:
    """Ready lines name the three places; a signal ends it with success and without noise."""
    process, lines = await start()
    process.send_signal(number)
    out, err = await process.communicate()

    assert {"dns", "http", "control", "ready"} == set(lines)
    assert (process.returncode, out, err) == (0, b"lab stopped\n", b"")


async def test_a_proof_posted_to_it_is_in_its_dns() -> None:
    """What the remote control is told, the name server answers."""
    process, lines = await start()
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(lines["control"], json=Proofs(challenges=(dns_challenge(),)).model_dump(mode="json"))

    answer = await DnsResolver(read_nameservers([lines["dns"]])).texts("_certloom-challenge.www.lab.test")
    process.terminate()
    await process.communicate()

    assert answer.records == ("token-1",)
