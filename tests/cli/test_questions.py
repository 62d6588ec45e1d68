"""What costs money or cannot be undone is asked first, with what it costs."""

from tests.api.places import served
from tests.api.world import World
from tests.cli.desk import Desk


async def test_buying_shows_price_and_balance(desk: Desk, world: World) -> None:
    """A no buys nothing and exits with 1; a yes buys."""
    refused = await desk.typed("buy", "single", answers=[("[y/N]", "\n")])
    assert "single (single) costs 9.00 EUR; your balance is 10,000.00 EUR." in refused.told
    assert (refused.code, "Nothing was bought." in refused.told) == (1, True)
    assert await world.balance() == 10**6
    bought = await desk.typed("buy", "single", answers=[("[y/N]", "y\n")])
    assert (bought.code, "Bought for 9.00 EUR." in bought.told) == (0, True)
    assert await world.balance() == 10**6 - 900


async def test_what_is_not_sold_is_not_asked_about(desk: Desk) -> None:
    """Nobody confirms a price that nobody knows; the sentence leads to what is on sale."""
    refused = await desk.typed("buy", "none", answers=[])
    assert (refused.code, "There is no product none." in refused.told) == (1, True)
    assert "certloom products" in refused.told


async def test_revoking_shows_what_is_paid_back_and_what_serves_it(desk: Desk, world: World) -> None:
    """Before the question stand the refund with its date, and every target that serves the certificate."""
    certificate, _, _ = await served(world)
    refused = await desk.typed("revoke", certificate["id"], answers=[("for good?", "n\n")])
    assert "9.00 EUR are paid back, until 2026-12-23 12:00 UTC" in refused.told
    assert "a haproxy_tcp serves it still, at www.example.com:443" in refused.told
    assert refused.code == 1
    revoked = await desk.typed("revoke", certificate["id"], "--reason", "superseded", answers=[("for good?", "yes\n")])
    assert (revoked.code, "✓ It is revoked." in revoked.told) == (0, True)
    assert "refund 9.00 EUR, done" in revoked.told
    assert await world.balance() == 10**6


async def test_after_the_window_it_says_that_nothing_is_paid_back(desk: Desk, world: World) -> None:
    """A revocation after 30 days says so before the question."""
    certificate = await world.issued()
    world.clock.advance(days=31)
    done = await desk.typed("revoke", certificate["id"], answers=[("for good?", "n\n")])
    assert "Nothing is paid back: window over." in done.told


async def test_deleting_wants_the_name_typed(desk: Desk, world: World) -> None:
    """Another text than the name deletes nothing; the name itself deletes."""
    certificate = await world.issued()
    await desk.ok("revoke", certificate["id"], "--yes")
    wrong = await desk.typed("delete", certificate["id"], answers=[("Type www.example.com", "y\n")])
    assert (wrong.code, "nothing was deleted" in wrong.told) == (1, True)
    right = await desk.typed("delete", certificate["id"], answers=[("Type www.example.com", "www.example.com\n")])
    assert (right.code, "its private keys are destroyed" in right.told) == (0, True)
    assert (await world.get(f"/v1/certificates/{certificate['id']}"))["status"] == "deleted"


async def test_a_deletion_that_loses_money_is_refused_unless_it_is_given_up(desk: Desk, world: World) -> None:
    """Inside the window the refusal names the refund; --forfeit-refund deletes nevertheless."""
    certificate = await world.issued()
    refused = await desk.run("delete", certificate["id"], "--yes")
    assert (refused.code, "Deleting loses a refund of 9.00 EUR" in refused.err) == (1, True)
    assert "--forfeit-refund gives it up" in refused.err
    await desk.ok("delete", certificate["id"], "--yes", "--forfeit-refund")


async def test_cancelling_and_replacing_ask(desk: Desk, world: World) -> None:
    """A no at either question leaves everything as it is."""
    bought, certificate = await world.buy(), await world.issued()
    cancelled = await desk.typed("cancel", bought["id"], answers=[("[y/N]", "n\n")])
    assert (cancelled.code, "Cancelling pays back 9.00 EUR" in cancelled.told) == (1, True)
    replaced = await desk.typed("replace", certificate["id"], answers=[("[y/N]", "n\n")])
    assert (replaced.code, "every older one is revoked" in replaced.told) == (1, True)
    assert (await world.get(f"/v1/certificates/{bought['id']}"))["status"] == "paid"
    assert (await world.get(f"/v1/certificates/{certificate['id']}"))["version"] == certificate["version"]


async def test_a_renewal_is_followed_to_its_new_certificate(desk: Desk, world: World) -> None:
    """Renewing waits until there is a newer leaf, and says its number."""
    certificate = await world.issued()
    running = await desk.start("renew", certificate["id"])
    await running.until("preparing")
    await world.client.prepare(certificate["id"])
    state = await world.client.row(certificate["id"])
    if state.phase == "proving":
        await world.client.prove(certificate["id"])
    await world.client.issue(certificate["id"])
    done = await running.end()
    assert (done.code, "Certificate number 2 is issued." in done.out) == (0, True), done
