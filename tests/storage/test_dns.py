"""Zones, delegations and published records, as both databases keep them."""

from datetime import timedelta

from certloom.domain.zone import DELEGATED, DnsZone, ManualSettings
from certloom.storage.engine import SqlStorage
from certloom.storage.records import PublishedRecord
from tests.storage.rows import NOW


def zone(zone_id: str = "zone_1", name: str = "example.com", *, account_id: str = "acct_1", minute: int = 0) -> DnsZone:
    created_at = NOW + timedelta(minutes=minute)
    return DnsZone(id=zone_id, account_id=account_id, zone=name, settings=ManualSettings(), created_at=created_at)


def record(
    certificate_id: str = "cert_1", *, attempt: int = 1, value: str = "v", how: str = "zone_1"
) -> PublishedRecord:
    name = "_acme-challenge.example.com"
    return PublishedRecord(
        certificate_id=certificate_id,
        attempt=attempt,
        how=how,
        record_name=name,
        value=value,
        place=name,
        created_at=NOW,
    )


async def test_a_zone_is_kept_once_per_account(storage: SqlStorage) -> None:
    """A name is taken until its zone is deleted; another account may have the same."""
    async with storage.begin() as tx:
        assert await tx.zones.add(zone())
        assert not await tx.zones.add(zone())
        assert not await tx.zones.add(zone("zone_2"))
        assert await tx.zones.add(zone("zone_3", account_id="acct_2"))
        assert await tx.zones.delete("zone_1", NOW)
        assert not await tx.zones.delete("zone_1", NOW)
        assert await tx.zones.add(zone("zone_2"))
    async with storage.read() as tx:
        gone = await tx.zones.get("zone_1")
        assert gone is not None
        assert gone.deleted_at == NOW
        assert await tx.zones.of_account("acct_1") == [zone("zone_2")]
        both = await tx.zones.of_accounts({"acct_1", "acct_2", "acct_9"})
        assert {one.id for one in both} == {"zone_2", "zone_3"}
        assert await tx.zones.get("zone_9") is None


async def test_a_zone_is_changed_until_it_is_deleted(storage: SqlStorage) -> None:
    """Its settings are overwritten; a deleted or unknown one stays as it is."""
    moved = zone().model_copy(update={"settings": ManualSettings()})
    async with storage.begin() as tx:
        assert not await tx.zones.change(moved)
        await tx.zones.add(zone())
        assert await tx.zones.change(moved)
        assert await tx.zones.get("zone_1") == moved
        await tx.zones.delete("zone_1", NOW)
        assert not await tx.zones.change(zone())
        gone = await tx.zones.get("zone_1")
    assert gone is not None
    assert (gone.settings, gone.deleted_at) == (moved.settings, NOW)


async def test_zones_are_listed_newest_first(storage: SqlStorage) -> None:
    """Page by page, one's own or all."""
    async with storage.begin() as tx:
        for number in range(3):
            owner = "acct_2" if number == 1 else "acct_1"
            await tx.zones.add(zone(f"zone_{number}", f"n{number}.test", account_id=owner, minute=number))
        first = await tx.zones.list(account_id="acct_1", limit=1)
        second = await tx.zones.list(account_id="acct_1", limit=1, cursor=first.next_cursor)
        everyone = await tx.zones.list(account_id=None, limit=10)
    assert [one.id for one in (*first.items, *second.items)] == ["zone_2", "zone_0"]
    assert second.next_cursor is None
    assert [one.id for one in everyone.items] == ["zone_2", "zone_1", "zone_0"]


async def test_a_label_is_given_once(storage: SqlStorage) -> None:
    """The first proposal of an account and name stands; a label that another has is not given again."""
    async with storage.begin() as tx:
        assert await tx.delegations.keep("acct_1", "example.com", "one", NOW) == "one"
        assert await tx.delegations.keep("acct_1", "example.com", "two", NOW) == "one"
        assert await tx.delegations.keep("acct_2", "example.com", "three", NOW) == "three"
        assert await tx.delegations.labels("acct_1", ["example.com", "x.test"]) == {"example.com": "one"}
        assert await tx.delegations.labels("acct_1", []) == {}
        assert (await tx.delegations.count("acct_1"), await tx.delegations.count("acct_3")) == (1, 0)


async def test_a_record_goes_from_wanted_to_gone(storage: SqlStorage) -> None:
    """Wanted, presented, released, postponed, closed."""
    async with storage.begin() as tx:
        await tx.published.want([record(), record(value="w")])
        await tx.published.presented([record()], NOW)
        assert [one.presented_at for one in await tx.published.of_certificate("cert_1")] == [NOW, None]
        assert await tx.published.due(NOW, limit=9) == []
        assert await tx.published.release("cert_1", NOW) == 2
        assert await tx.published.release("cert_1", NOW) == 0
        one, _ = await tx.published.due(NOW, limit=9)
        later = NOW + timedelta(seconds=5)
        await tx.published.postpone(one, until=later, error="It is away.")
        assert len(await tx.published.due(NOW, limit=9)) == 1
        again = next(found for found in await tx.published.due(later, limit=9) if found.tries)
        assert (again.tries, again.error, again.next_try_at) == (1, "It is away.", later)
        await tx.published.close(again)
        assert [found.value for found in await tx.published.of_certificate("cert_1")] == ["w"]


async def test_what_was_wanted_long_ago_expires(storage: SqlStorage) -> None:
    """A row that a look wrote down after its order's end is found in the end."""
    async with storage.begin() as tx:
        await tx.published.want([record(), record("cert_2").model_copy(update={"created_at": NOW - timedelta(days=2)})])
        assert await tx.published.expire(NOW - timedelta(days=1), NOW) == 1
        assert [one.certificate_id for one in await tx.published.due(NOW, limit=9)] == ["cert_2"]


async def test_what_stands_there_is_listed_for_several(storage: SqlStorage) -> None:
    """Neither what is yet to be published nor what is to be taken away."""
    async with storage.begin() as tx:
        await tx.published.want([record(), record(value="w"), record("cert_2"), record("cert_3")])
        await tx.published.presented([record(), record("cert_2"), record("cert_3")], NOW)
        await tx.published.release("cert_2", NOW)
        found = await tx.published.standing({"cert_1", "cert_2"})
    assert [(one.certificate_id, one.value) for one in found] == [("cert_1", "v")]


async def test_a_value_is_wanted_by_whoever_has_it_open(storage: SqlStorage) -> None:
    """The same value at the same place by the same way; elsewhere is another."""
    async with storage.begin() as tx:
        await tx.published.want([record(), record("cert_2")])
        await tx.published.release("cert_1", NOW)
        keys = [record().key, record(how=DELEGATED).key, record(value="w").key]
        assert set(await tx.published.wanted(keys)) == {record().key}
        await tx.published.release("cert_2", NOW)
        assert not await tx.published.wanted(keys)


async def test_an_order_releases_itself_and_older_ones(storage: SqlStorage) -> None:
    """What a later order published stays."""
    async with storage.begin() as tx:
        await tx.published.want([record(attempt=attempt) for attempt in (0, 1, 2)])
        assert await tx.published.release("cert_1", NOW, attempt=1) == 2
        wanted = [one.attempt for one in await tx.published.of_certificate("cert_1") if not one.unwanted_since]
    assert wanted == [2]


async def test_a_wanted_record_is_not_closed(storage: SqlStorage) -> None:
    """A sweep that comes too late leaves it, and it is published anew."""
    async with storage.begin() as tx:
        await tx.published.want([record()])
        await tx.published.presented([record()], NOW)
        await tx.published.close(record())
        (found,) = await tx.published.of_certificate("cert_1")
    assert (found.unwanted_since, found.presented_at) == (None, None)


async def test_several_are_closed_at_once(storage: SqlStorage) -> None:
    """Those that were taken away go; who wants the value of one of them publishes it anew, and nobody else does."""
    theirs = [record("cert_2", value=value) for value in ("v", "w")]
    async with storage.begin() as tx:
        await tx.published.want([record(), record(value="x"), *theirs])
        await tx.published.presented(theirs, NOW)
        await tx.published.release("cert_1", NOW)
        await tx.published.close(*await tx.published.due(NOW, limit=9))
        assert await tx.published.of_certificate("cert_1") == []
        left = await tx.published.of_certificate("cert_2")
    assert [(one.value, one.presented_at) for one in left] == [("v", None), ("w", NOW)]


async def test_what_was_presented_too_late_is_unwanted(storage: SqlStorage) -> None:
    """Its row has gone: it comes back, due at once."""
    async with storage.begin() as tx:
        await tx.published.presented([record()], NOW)
        (found,) = await tx.published.due(NOW, limit=9)
    assert (found.presented_at, found.unwanted_since) == (NOW, NOW)
