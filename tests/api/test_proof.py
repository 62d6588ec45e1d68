"""Who publishes a proof: told with each challenge, for scripts as for people, as long as somebody waits for it."""

import pytest

from certloom.domain import fact as f
from certloom.domain.zone import DELEGATED
from certloom.storage.records import PublishedRecord
from tests.api.test_zones import add
from tests.api.world import JSON, World
from tests.lives import NOW

NAME = "www.example.com"
RECORD = f"_certloom-challenge.{NAME}"


async def publishers(world: World, view: JSON, *, who: str = "member") -> list[str | None]:
    """Read them from the certificate and from the list, where they are the same."""
    alone = await world.get(view["links"]["self"], who=who)
    (listed,) = (one for one in (await world.get("/v1/certificates", who=who))["items"] if one["id"] == view["id"])
    assert listed == alone
    return [one["published_by"] for one in alone["application"]["challenges"]]


async def put(world: World, view: JSON, *, presented: bool, value: str = "value") -> None:
    row = PublishedRecord(
        certificate_id=view["id"],
        attempt=1,
        how=DELEGATED,
        record_name=RECORD,
        value=value,
        place="label.proofs.test",
        created_at=NOW,
    )
    async with world.storage.begin() as tx:
        await tx.published.want([row])
        if presented:
            await tx.published.presented([row], NOW)


async def test_without_a_zone_the_customer_does(world: World) -> None:
    """Nobody else could; an operator reads the same."""
    view = await world.proving("single", NAME)
    assert await publishers(world, view) == ["customer"]
    assert await publishers(world, view, who="operator") == ["customer"]


@pytest.mark.parametrize(("kind", "publisher"), [("rfc2136", "service"), ("manual", "customer")])
async def test_in_a_zone_that_we_write_the_service_does(world: World, kind: str, publisher: str) -> None:
    """From the first moment on; a manual zone is the customer's, as its name says."""
    await add(world, kind)
    assert await publishers(world, await world.proving("single", NAME)) == [publisher]


async def test_a_zone_of_another_account_is_nobody_elses_business(world: World) -> None:
    """An operator who reads all certificates at once is told each account's own way."""
    await add(world, who="stranger")
    mine, theirs = await world.proving("single", NAME), await world.proving("single", NAME, who="stranger")
    assert await publishers(world, mine, who="operator") == ["customer"]
    assert await publishers(world, theirs, who="operator") == ["service"]


async def test_behind_an_alias_the_service_does_once_it_leads_to_us(world: World) -> None:
    """Until the CNAME was followed, it is the customer who has something to do."""
    view = await world.proving("single", NAME)
    await put(world, view, presented=True, value="of another order")
    await put(world, view, presented=False)
    assert await publishers(world, view) == ["customer"]
    tag = (await world.call("GET", view["links"]["self"])).headers["etag"]
    await put(world, view, presented=True)
    assert await publishers(world, view) == ["service"]
    assert (await world.call("GET", view["links"]["self"], if_none_match=tag)).status_code == 200


async def test_a_file_is_the_customers(world: World) -> None:
    """No DNS zone helps there."""
    await add(world)
    assert await publishers(world, await world.proving("single", NAME, validation="http-01")) == ["customer"]


async def test_it_is_told_as_long_as_somebody_waits(world: World) -> None:
    """Null once it is issued; told again when the next renewal needs the proof."""
    view = await world.issued("single", NAME)
    assert await publishers(world, view) == [None]
    await world.client.happen(view["id"], f.ProofWanted(at=NOW, renewal_at=NOW))
    assert await publishers(world, view) == ["customer"]
