"""Two of our accounts that want one name at somebody else's CA: neither gets in on the other's proof."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from activities import contest
from activities.contest import REMEMBERED, want
from certloom.domain.application import Challenge, ValidationMethod
from certloom.storage.engine import SqlStorage
from tests.databases import KINDS, fresh_url
from tests.lives import NOW

DNS, HTTP = ValidationMethod.DNS_01, ValidationMethod.HTTP_01
NAMES = ("example.com", "*.example.com", "www.example.com")


async def ordered(storage: SqlStorage, issuer: str, account_id: str, names: Sequence[str], *, now: datetime) -> None:
    """Note that an account orders, and commit."""
    async with storage.begin() as tx:
        await want(tx, issuer, account_id, names, now=now)


async def own_challenges(
    storage: SqlStorage, issuer: str, account_id: str, names: Sequence[str], method: ValidationMethod, *, now: datetime
) -> tuple[Challenge, ...]:
    async with storage.begin() as tx:
        return await contest.own_challenges(tx, issuer, account_id, names, method, now=now)


async def lacking(
    storage: SqlStorage,
    issuer: str,
    account_id: str,
    names: Sequence[str],
    shown: Sequence[Challenge],
    *,
    now: datetime,
) -> bool:
    async with storage.read() as tx:
        return await contest.lacking(tx, issuer, account_id, names, shown, now=now)


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStorage]:
    made = SqlStorage(await fresh_url(request.param, tmp_path))
    yield made
    await made.close()


async def test_who_is_alone_proves_to_the_ca_only(storage: SqlStorage) -> None:
    """One account that orders again and again has nothing else to publish, and others' names do not matter."""
    await ordered(storage, "le", "acct_a", NAMES, now=NOW)
    await ordered(storage, "le", "acct_b", ("example.org",), now=NOW)
    assert await own_challenges(storage, "le", "acct_a", NAMES, DNS, now=NOW + timedelta(days=90)) == ()


async def test_another_ca_has_another_customer(storage: SqlStorage) -> None:
    """What one CA holds as proven is nothing to another."""
    await ordered(storage, "zero", "acct_b", NAMES, now=NOW)
    assert await own_challenges(storage, "le", "acct_a", NAMES, DNS, now=NOW) == ()


async def test_who_comes_second_has_a_token_of_his_own(storage: SqlStorage) -> None:
    """It stands beside the CA's proof, once for a name and its wildcard, and only for the name that both want."""
    await ordered(storage, "le", "acct_a", ("example.com",), now=NOW)
    await ordered(storage, "le", "acct_b", NAMES, now=NOW)
    (own,) = await own_challenges(storage, "le", "acct_b", NAMES, DNS, now=NOW)
    assert (own.name, own.record_name, own.record_value) == ("example.com", "_acme-challenge.example.com", own.token)
    assert own.own
    assert (own,) == await own_challenges(storage, "le", "acct_b", NAMES, DNS, now=NOW)


async def test_the_first_one_needs_one_too_from_then_on(storage: SqlStorage) -> None:
    """Otherwise whoever orders first would wait for the owner to come and prove it for both."""
    await ordered(storage, "le", "acct_a", ("example.com",), now=NOW)
    assert not await lacking(storage, "le", "acct_a", ("example.com",), (), now=NOW)
    await ordered(storage, "le", "acct_b", ("example.com",), now=NOW)
    assert await lacking(storage, "le", "acct_a", ("example.com",), (), now=NOW)
    own = await own_challenges(storage, "le", "acct_a", ("example.com",), DNS, now=NOW)
    assert not await lacking(storage, "le", "acct_a", ("example.com",), own, now=NOW)


async def test_the_tokens_differ(storage: SqlStorage) -> None:
    """What one account publishes proves nothing for the other."""
    for account in ("acct_a", "acct_b"):
        await ordered(storage, "le", account, ("example.com",), now=NOW)
    found = [
        (await own_challenges(storage, "le", account, ("example.com",), HTTP, now=NOW))[0]
        for account in ("acct_a", "acct_b")
    ]
    assert found[0].content != found[1].content
    assert found[0].url == f"http://example.com/.well-known/certloom-challenge/{found[0].token}"


async def test_the_past_is_over_one_day(storage: SqlStorage) -> None:
    """A name that another account ordered longer ago than any CA remembers is free again."""
    await ordered(storage, "le", "acct_a", ("example.com",), now=NOW)
    later = NOW + REMEMBERED + timedelta(days=1)
    assert await own_challenges(storage, "le", "acct_b", ("example.com",), DNS, now=later) == ()
    async with storage.begin() as tx:
        assert await tx.contests.purge(later - REMEMBERED) == 1


async def test_an_ipv6_address_is_asked_in_brackets(storage: SqlStorage) -> None:
    """Two accounts may want one address, too, and each publishes a file there that a client can ask for."""
    for account_id in ("acct_a", "acct_b"):
        await ordered(storage, "le", account_id, ("2606:4700::1111",), now=NOW)
    (own,) = await own_challenges(storage, "le", "acct_b", ("2606:4700::1111",), HTTP, now=NOW)
    assert own.url == f"http://[2606:4700::1111]/.well-known/certloom-challenge/{own.token}"
