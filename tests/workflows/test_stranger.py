"""A certificate at somebody else's CA: its limits, its own challenges at each order, and its word about renewals."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from certloom.domain.application import Outcome
from certloom.domain.budget import Limit, Limits, LimitScope
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.product import NameMode
from certloom.issuers.fake import Script
from certloom.issuers.interface import RenewalWindow
from certloom.keys.generation import KeyGeneration
from tests.lives import product
from tests.workflows.world import World

S = CertificateStatus
STRANGERS = product(issuer="stranger")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def fresh(built: World) -> None:
    """The issuer is shared by all tests: what one scripted must not reach the next."""
    built.stranger.script = Script(fresh_challenges=True)
    built.stranger.window, built.stranger.limits = None, Limits()
    built.stranger.requests.clear()
    built.stranger.calls.clear()
    built.stranger.revoked.clear()


def window(start: datetime, end: datetime) -> RenewalWindow:
    return RenewalWindow(start=start, end=end, ask_again_at=datetime.now(UTC) + 6 * HOUR)


class TestSuggestion:
    async def test_a_window_ahead_moves_the_renewal(self, built: World) -> None:
        """The watch asks the issuer, and the certificate shows and keeps an instant inside the window."""
        certificate_id = await built.issued(STRANGERS)
        start = datetime.now(UTC) + timedelta(days=3)
        built.stranger.window = window(start, start + HOUR)
        assert (await built.ask_renewals()).told == 1

        state = await built.until(certificate_id, lambda state: state.renewal.suggested is not None)
        assert state.renewal.suggested is not None
        assert start <= state.renewal.suggested.at <= start + HOUR
        assert (await built.ask_renewals()).asked == 0  # not before the issuer wants to be asked again

    async def test_one_in_the_past_renews_at_once(self, built: World) -> None:
        """An issuer that says now gets an order that names the leaf it replaces."""
        certificate_id = await built.issued(STRANGERS)
        old = await built.row(certificate_id)
        now = datetime.now(UTC)
        built.stranger.window = window(now - 2 * HOUR, now - HOUR)
        await built.ask_renewals()
        state = await built.until(certificate_id, lambda state: len(state.issuances) == 2)
        assert old.issuance is not None
        assert state.issuance is not None
        assert state.issuance.number == 2
        assert built.stranger.requests[-1].replaces is not None
        assert built.stranger.requests[0].replaces is None

    async def test_a_broken_window_changes_nothing(self, built: World) -> None:
        """An inverted window leaves the renewal where the lifetime puts it."""
        certificate_id = await built.issued(STRANGERS)
        start = datetime.now(UTC) + timedelta(days=3)
        built.stranger.window = window(start, start - HOUR)
        assert (await built.ask_renewals()).told == 0
        assert (await built.row(certificate_id)).renewal.suggested is None

    async def test_a_revocation_brings_the_leafs_own_key(self, built: World) -> None:
        """Should the CA have lost our account, the key of the leaf revokes it; it is in no message."""
        certificate_id = await built.issued(STRANGERS)
        await built.revoke(certificate_id)
        await built.reaches(certificate_id, S.REVOKED)
        (leaf,) = built.stranger.revoked.values()
        assert leaf.private_key is not None
        public = KeyGeneration().public_key(leaf.private_key)
        assert sha256(public).hexdigest() == await built.spki_sha256(certificate_id)
        assert "private_key" not in repr(leaf)

    async def test_a_revoked_one_is_not_asked_about(self, built: World) -> None:
        """After the end of a certificate the issuer hears nothing of it any more."""
        certificate_id = await built.issued(STRANGERS)
        await built.revoke(certificate_id)
        await built.reaches(certificate_id, S.REVOKED)
        await built.ask_renewals()
        async with built.storage.read() as tx:
            assert await tx.renewals.get(certificate_id) is None


class TestOrder:
    async def test_one_that_ends_is_placed_anew(self, built: World) -> None:
        """An order that its issuer drops before the proof is replaced by one with challenges of its own."""
        built.stranger.script.orders_last = 8 * HOUR
        certificate_id = await built.buy(STRANGERS)
        await built.apply(certificate_id)
        before = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.forward(certificate_id, 8 * HOUR)

        after = await built.until(certificate_id, lambda state: state.attempts == 2 and state.phase is Phase.PROVING)
        assert before.application is not None
        assert after.application is not None
        assert after.status is S.PENDING_VERIFICATION
        assert after.application.challenges[0].token != before.application.challenges[0].token
        async with built.storage.read() as tx:
            assert await tx.secrets.get(before.key_ref(1)) is None
            assert await tx.secrets.get(before.key_ref(2)) is not None

    async def test_a_neighbours_order_asks_for_another_proof(self, built: World) -> None:
        """When another account orders the name meanwhile, nothing is signed before our account's own token is seen."""
        certificate_id = await built.buy(STRANGERS)
        await built.apply(certificate_id)
        first = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        async with built.storage.begin() as tx:
            await tx.contests.want("stranger", "acct_neighbour", first.names, datetime.now(UTC))
        await built.forward(certificate_id, timedelta(minutes=5))
        assert first.application is not None
        built.validator.publish(first.application.challenges[0])
        await built.look_now(certificate_id)

        again = await built.until(certificate_id, lambda state: state.attempts == 2 and state.phase is Phase.PROVING)
        assert again.application is not None
        assert [one.own for one in again.application.challenges] == [False, True]
        for challenge in again.application.challenges:
            built.validator.publish(challenge)
        await built.forward(certificate_id, timedelta(minutes=5))
        await built.look_now(certificate_id)
        await built.reaches(certificate_id, S.ISSUED)

    async def test_none_is_placed_while_caa_forbids_it(self, built: World) -> None:
        """A CAA record against the issuer delays the order, with its sentence, and uses nothing up."""
        certificate_id = await built.buy(STRANGERS)
        name = f"{certificate_id.replace('_', '-')}.example.com"
        built.validator.forbid(name, f"CAA of {name} forbids ca.example.net.")
        await built.apply(certificate_id, name)
        state = await built.until(certificate_id, lambda state: state.delay is not None)

        assert state.delay is not None
        assert name in state.delay.why
        assert built.stranger.calls == []
        built.validator.permit(name)
        await built.forward(certificate_id, HOUR)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)


class TestEnd:
    async def test_what_was_never_placed_is_not_called_unproven(self, built: World) -> None:
        """An application that the CA's trouble kept from its challenges ends with that reason."""
        certificate_id = await built.buy(STRANGERS)
        built.stranger.script.refuse_begin = "externalAccountRequired"
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.attention is not None)
        await built.forward(certificate_id, 8 * 24 * HOUR)
        state = await built.until(certificate_id, lambda state: state.status is S.PAID)

        assert state.application is not None
        assert state.application.outcome is Outcome.REFUSED

    async def test_one_leaf_that_cannot_be_revoked_keeps_none_of_the_others(self, built: World) -> None:
        """The newest goes first; the refusal of an older one waits for an operator, who may skip it."""
        certificate_id = await built.issued(STRANGERS)
        first = (await built.row(certificate_id)).issuances[0].serial
        now = datetime.now(UTC)
        built.stranger.window = window(now - 2 * HOUR, now - HOUR)
        await built.ask_renewals()
        renewed = await built.until(certificate_id, lambda state: len(state.issuances) == 2)
        built.stranger.script.refuse_revoke = first
        await built.revoke(certificate_id)
        await built.until(certificate_id, lambda state: state.attention is not None)

        assert set(built.stranger.revoked) == {renewed.issuances[1].serial}


class TestLimits:
    async def test_who_comes_too_many_waits_visibly(self, built: World) -> None:
        """With the limit used up, the next order says until when it waits, and is placed then."""
        built.stranger.limits = Limits(items=(Limit(scope=LimitScope.ORDERS, count=1, period=3 * HOUR),))
        await built.issued(STRANGERS)
        late = await built.buy(STRANGERS)
        await built.apply(late)
        waiting = await built.until(late, lambda state: state.delay is not None)

        assert waiting.delay is not None
        assert waiting.delay.limit
        assert len(built.stranger.requests) == 1
        await built.forward(late, 3 * HOUR)
        await built.until(late, lambda state: state.phase is Phase.PROVING)

    async def test_an_order_that_came_to_nothing_leaves_room_for_the_next(self, built: World) -> None:
        """Orders that end unproven use up no certificates: a customer who takes his time is never locked out."""
        limits = Limits(items=(Limit(scope=LimitScope.NAME_SET, count=1, period=7 * 24 * HOUR),))
        built.stranger.limits, built.stranger.script.orders_last = limits, 8 * HOUR
        certificate_id = await built.buy(STRANGERS)
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.forward(certificate_id, 8 * HOUR)
        again = await built.until(certificate_id, lambda state: state.attempts == 2 and bool(state.order))
        again = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING or bool(state.delay))
        assert (again.phase, again.delay) == (Phase.PROVING, None)

    async def test_a_failed_validation_counts_for_the_name_that_failed(self, built: World) -> None:
        """The CA holds it against one name: the next order with it waits, one with its neighbour does not."""
        built.stranger.limits = Limits(items=(Limit(scope=LimitScope.FAILURES, count=1, period=3 * HOUR),))
        script = built.stranger.script
        script.refuse_advance, script.refuse_names = "unauthorized", ("bad.failing.example.com",)
        both = product(issuer="stranger", name_mode=NameMode.MULTI_DOMAIN, max_names=2)
        refused = await built.buy(both)
        await built.apply(refused, "bad.failing.example.com", "good.failing.example.com")
        await built.prove(refused)
        await built.until(refused, lambda state: bool(state.application and state.application.outcome))

        good, bad = await built.buy(STRANGERS), await built.buy(STRANGERS)
        await built.apply(good, "good.failing.example.com")
        placed = await built.until(good, lambda state: bool(state.delay) or state.phase is not Phase.PREPARING)
        assert placed.delay is None
        await built.apply(bad, "bad.failing.example.com")
        waiting = await built.until(bad, lambda state: state.delay is not None)
        assert waiting.delay is not None
        assert "1 failed validation of bad.failing.example.com in" in waiting.delay.why


class TestRefusal:
    async def test_what_an_operator_has_to_mend_waits_for_him(self, built: World) -> None:
        """A new application is parked with the issuer's sentence, and goes on after `resume`."""
        certificate_id = await built.buy(STRANGERS)
        built.stranger.script.refuse_begin = "externalAccountRequired"
        await built.apply(certificate_id)
        parked = await built.until(certificate_id, lambda state: state.attention is not None)
        assert parked.application is not None
        assert parked.application.outcome is None
        built.stranger.script.refuse_begin = None
        await built.handle(certificate_id).signal("resume")
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)

    async def test_a_renewal_is_tried_again_soon_and_then_ever_later(self, built: World) -> None:
        """A refused renewal comes again after a minute, then after ten, and the leaf stays."""
        certificate_id = await built.issued(STRANGERS)
        now = datetime.now(UTC)
        built.stranger.script.refuse_begin = "rejectedIdentifier"
        built.stranger.window = window(now - 2 * HOUR, now - HOUR)
        await built.ask_renewals()
        first = await built.until(certificate_id, lambda state: state.renewal.failures == 1)
        assert first.renewal.not_before is not None
        assert timedelta(seconds=50) < first.renewal.not_before - first.updated_at <= timedelta(minutes=1)

        await built.forward(certificate_id, timedelta(minutes=2))
        second = await built.until(certificate_id, lambda state: state.renewal.failures == 2)
        assert second.renewal.not_before is not None
        assert second.renewal.not_before - second.updated_at > timedelta(minutes=9)
        assert second.status is S.ISSUED
