"""The lab as a process of its own, as `make run` starts it."""

import asyncio
import signal
import sys

import httpx
import pytest

from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from certloom.targets.pem import one_file
from lab.edge import CRT_LIST
from lab.proofs import Proofs
from tests.targets.haproxy_slot import NAME, edge_path, handshake, say
from tests.targets.pairs import pair
from tests.validation.challenges import dns_challenge

PATH = edge_path(NAME)


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
    """Ready lines name all places; a signal ends it with success and without noise."""
    process, lines = await start()
    process.send_signal(number)
    out, err = await process.communicate()

    assert {"dns", "http", "control", "edge", "edge_admin", "ready"} == set(lines)
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


async def test_a_certificate_that_its_edge_is_given_is_served() -> None:
    """What a newcomer deploys to the edge's runtime API comes up at its TLS port."""
    process, lines = await start()
    admin, port = (int(lines[name].rpartition(":")[2]) for name in ("edge_admin", "edge"))
    fresh = pair(NAME, 1)
    for command in (f"new ssl cert {PATH}", f"set ssl cert {PATH} <<\n{one_file(fresh)}", f"commit ssl cert {PATH}"):
        await say(admin, f"{command}\n")
    bound = await say(admin, f"add ssl crt-list {CRT_LIST} {PATH}\n")
    found = await handshake(port, NAME)
    process.terminate()
    await process.communicate()

    assert "Success!" in bound
    assert found == fresh.fingerprint_sha256
