"""The lab's name server takes updates that are signed with its key, and only TXT records under its suffix."""

import asyncio
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from lab.dns import LabDns
from lab.updates import UpdateKey
from lab.zone import Zone

KEY = UpdateKey("lab-key", "c2VjcmV0IG9mIHRoZSBsYWIgYW5kIG5vYm9keSBlbHNl")
STRANGER = UpdateKey("lab-key", "YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgdGhlIGZpcnN0")


@pytest.fixture
async def server() -> AsyncIterator[LabDns]:
    made = LabDns(Zone(), update_key=KEY)
    await made.start()
    yield made
    await made.stop()


def update(zone: str = "lab.test", *, key: UpdateKey | None = KEY) -> dns.update.UpdateMessage:
    ring = dns.tsigkeyring.from_text({key.name: key.secret}) if key else None
    return dns.update.UpdateMessage(dns.name.from_text(zone), keyring=ring, keyalgorithm=dns.tsig.HMAC_SHA256)


async def send(server: LabDns, message: dns.update.UpdateMessage) -> dns.message.Message:
    return await dns.asyncquery.tcp(message, "127.0.0.1", port=server.port, timeout=5)


async def texts(server: LabDns, name: str) -> list[str]:
    asked = dns.message.make_query(name, "TXT")
    answer = await dns.asyncquery.tcp(asked, "127.0.0.1", port=server.port, timeout=5)
    return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)


async def test_values_come_and_go_one_by_one(server: LabDns) -> None:
    """A value that is added twice stands once, and taking it away leaves the others."""
    for value in ("one", "one", "two"):
        message = update()
        message.add("_acme-challenge", 60, "TXT", value)
        assert (await send(server, message)).rcode() == dns.rcode.NOERROR
    assert await texts(server, "_acme-challenge.lab.test") == ['"one"', '"two"']

    message = update()
    message.delete("_acme-challenge", "TXT", "one")
    assert (await send(server, message)).had_tsig
    assert await texts(server, "_acme-challenge.lab.test") == ['"two"']


@pytest.mark.parametrize(("record", "value"), [("A", "127.0.0.2"), ("CNAME", "elsewhere.lab.test.")])
async def test_other_records_are_refused(server: LabDns, record: str, value: str) -> None:
    """The key may write proofs and nothing else."""
    message = update()
    message.add("www", 60, record, value)
    assert (await send(server, message)).rcode() == dns.rcode.REFUSED


async def test_an_unsigned_update_is_refused(server: LabDns) -> None:
    """Without the key nothing changes."""
    message = update(key=None)
    message.add("_acme-challenge", 60, "TXT", "x")
    assert (await send(server, message)).rcode() == dns.rcode.REFUSED
    assert await texts(server, "_acme-challenge.lab.test") == []


async def test_another_secret_changes_nothing(server: LabDns) -> None:
    """A wrong signature gets no answer at all."""
    message = update(key=STRANGER)
    message.add("_acme-challenge", 60, "TXT", "x")
    with pytest.raises((EOFError, OSError, asyncio.IncompleteReadError)):
        await send(server, message)
    assert await texts(server, "_acme-challenge.lab.test") == []


async def test_another_zone_is_not_ours(server: LabDns) -> None:
    """The server updates its own zone alone."""
    message = update("example.com")
    message.add("_acme-challenge", 60, "TXT", "x")
    assert (await send(server, message)).rcode() == dns.rcode.NOTAUTH


async def test_the_zone_names_its_server(server: LabDns) -> None:
    """Who asks for the name servers of the lab finds this one."""
    answer = await dns.asyncquery.tcp(
        dns.message.make_query("lab.test", "NS"), "127.0.0.1", port=server.port, timeout=5
    )
    assert [rdata.to_text() for rrset in answer.answer for rdata in rrset] == ["ns.lab.test."]
