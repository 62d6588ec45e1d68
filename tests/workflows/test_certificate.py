"""A certificate's life in the real workflow, with skipped time."""

from datetime import timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from certloom.domain import command as c
from certloom.domain.application import Decision, Outcome
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.errors import InvalidInput, NotAllowedNow, NotFound, PaymentRefused, TooSoon
from certloom.domain.issuance import IssuanceState, RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.money import Money
from certloom.domain.product import Level, NameMode
from certloom.domain.refund import RefundState
from tests.lives import product
from tests.workflows.ground import DEPOSIT
from tests.workflows.world import World

S = CertificateStatus


class TestPurchase:
    async def test_it_is_charged_once_and_paid(self, built: World) -> None:
        """Buying charges the price and leaves a paid order."""
        certificate_id = await built.buy()

        assert (await built.row(certificate_id)).status is S.PAID
        assert await built.postings(certificate_id) == {"charge": -900}

    async def test_without_money_nothing_is_charged(self, built: World) -> None:
        """A price over the balance is refused, and the order ends cancelled."""
        with pytest.raises(PaymentRefused) as refusal:
            await built.buy(product(price=Money(amount=DEPOSIT * 2, currency="EUR")))

        assert refusal.value.special_code == "insufficient_balance"

    async def test_an_unused_order_is_refunded_after_a_year(self, built: World) -> None:
        """An order that nobody applied with is cancelled by itself and paid back in full."""
        certificate_id = await built.buy()
        await built.forward(certificate_id, timedelta(days=365, minutes=1))
        state = await built.reaches(certificate_id, S.CANCELLED)

        assert state.refund is not None
        assert state.refund.state is RefundState.DONE
        assert await built.postings(certificate_id) == {"charge": -900, "refund": 900}

    async def test_cancelling_pays_back(self, built: World) -> None:
        """A paid order that was never issued can be cancelled by the customer, with the whole price."""
        certificate_id = await built.buy()
        await built.ask(certificate_id, c.CancelOrder)

        assert (await built.row(certificate_id)).status is S.CANCELLED
        assert await built.postings(certificate_id) == {"charge": -900, "refund": 900}


class TestApplication:
    async def test_it_is_issued_when_proven(self, built: World) -> None:
        """A proof leads to a leaf without anybody's help, and workflow and row agree."""
        certificate_id = await built.issued()

        assert await built.agrees(certificate_id)
        assert await built.facts(certificate_id) == ["ordered", "paid", "applied", "prepared", "proven", "issued"]

    async def test_it_fits_the_budget(self, built: World) -> None:
        """From purchase to issued stays within 60 history events and 20 KB."""
        certificate_id = await built.issued()
        history = await built.handle(certificate_id).fetch_history()

        assert len(history.events) <= 60
        assert sum(event.ByteSize() for event in history.events) <= 20_000

    async def test_it_waits_for_the_proof(self, built: World) -> None:
        """While the proof is missing the application stays open, and says what was seen."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        state = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        assert state.application is not None
        assert state.application.challenges[0].record_name
        await built.prove(certificate_id)

        assert (await built.reaches(certificate_id, S.ISSUED)).issuance is not None

    async def test_checking_again_at_once_is_too_soon(self, built: World) -> None:
        """Two checks within ten seconds are one too many."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.ask(certificate_id, c.CheckNow)

        with pytest.raises(TooSoon):
            await built.ask(certificate_id, c.CheckNow)

    async def test_withdrawn_can_apply_again(self, built: World) -> None:
        """Withdrawing destroys the key, keeps the money, and another application may follow."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.ask(certificate_id, c.Withdraw)
        state = await built.until(certificate_id, lambda state: state.status is S.PAID and not state.discard)
        async with built.storage.read() as tx:
            left = await tx.secrets.count_owned(certificate_id)
        assert state.application is not None
        assert (state.application.outcome, left) == (Outcome.WITHDRAWN, 0)
        await built.apply(certificate_id)
        await built.prove(certificate_id)

        assert (await built.reaches(certificate_id, S.ISSUED)).applications == 2

    async def test_it_closes_after_seven_days(self, built: World) -> None:
        """Without a proof the application ends as not proven and the order stays paid."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.forward(certificate_id, timedelta(days=7, minutes=1))
        state = await built.reaches(certificate_id, S.PAID)

        assert state.application is not None
        assert state.application.outcome is Outcome.NOT_PROVEN

    async def test_applying_twice_is_refused(self, built: World) -> None:
        """An open application is not replaced by another."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)

        with pytest.raises(NotAllowedNow) as refusal:
            await built.apply(certificate_id)
        assert refusal.value.current == S.PENDING_VERIFICATION

    async def test_names_the_product_lacks_are_refused(self, built: World) -> None:
        """Two names on a single-name product change nothing."""
        certificate_id = await built.buy()

        with pytest.raises(InvalidInput):
            await built.apply(certificate_id, "a.example.com", "b.example.com")
        assert (await built.row(certificate_id)).status is S.PAID

    async def test_200_long_names(self, built: World) -> None:
        """Two hundred names of 253 characters are issued, and only leading ones are search attributes."""
        many = product(name_mode=NameMode.MULTI_DOMAIN, max_names=200)
        certificate_id = await built.buy(many)
        tail = ".example.com"
        names = []
        for index in range(200):
            head = f"n{index:03}" + "x" * 59
            middle = ".".join(["y" * 56] * 3)
            name = f"{head}.{middle}"[: 253 - len(tail)].rstrip(".") + tail
            names.append(name)
        await built.apply(certificate_id, *names)
        state = await built.until(
            certificate_id, lambda state: state.phase in (Phase.PROVING, Phase.IDLE, Phase.ISSUING)
        )

        assert len(state.names) == 200


class TestOperators:
    async def test_the_ui_can_show_what_it_waits_for(self, built: World) -> None:
        """Without any key, the details say the status, what is waited for and what a person may do."""
        certificate_id = await built.issued()
        plain = await Client.connect(built.env.client.service_client.config.target_host)
        handle = plain.get_workflow_handle(f"certificate-{certificate_id}")
        metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)

        assert "**issued**" in metadata.current_details
        assert "Waits for" in metadata.current_details
        assert "revoke" in metadata.current_details


class TestReview:
    async def test_ov_needs_proof_and_review(self, built: World) -> None:
        """An OV certificate is issued when both are there, in any order."""
        certificate_id = await built.buy(product(level=Level.OV, name_mode=NameMode.MULTI_DOMAIN, max_names=5))
        await built.file_organization(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        application = (await built.row(certificate_id)).application
        assert application is not None
        await built.ask(certificate_id, c.Decide, application_id=application.id, decision=Decision.APPROVE)
        await built.prove(certificate_id)

        assert (await built.reaches(certificate_id, S.ISSUED)).first_issued_at

    async def test_rejected_stays_paid(self, built: World) -> None:
        """A rejected application closes as refused and the money stays."""
        certificate_id = await built.buy(product(level=Level.EV, name_mode=NameMode.MULTI_DOMAIN, max_names=5))
        await built.file_organization(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        application = (await built.row(certificate_id)).application
        assert application is not None
        await built.ask(certificate_id, c.Decide, application_id=application.id, decision=Decision.REJECT)
        state = await built.reaches(certificate_id, S.PAID)

        assert state.application is not None
        assert state.application.outcome is Outcome.REFUSED


class TestYear:
    async def test_a_plan_renews_under_the_cap_and_expires(self, built: World) -> None:
        """A year passes in seconds: renewals with new keys, reminders, expiry, one charge."""
        certificate_id = await built.issued()
        start = await built.row(certificate_id)
        assert start.plan is not None
        state = await built.live_on(certificate_id, start.plan.ends_at)
        facts = await built.facts(certificate_id)

        assert state.status is S.EXPIRED
        assert state.plan == start.plan
        assert facts.count("issued") == facts.count("renewal_started") + 1 >= 3
        assert facts.count("reminded") == 4
        assert await built.postings(certificate_id) == {"charge": -900}

    async def test_renewing_by_hand_keeps_the_refund_clock(self, built: World) -> None:
        """A renewal now makes a second leaf; the first issuance still starts the window."""
        certificate_id = await built.issued()
        await built.ask(certificate_id, c.Renew)
        state = await built.until(certificate_id, lambda state: len(state.issuances) == 2)

        assert state.first_issued_at == state.issuances[0].issued_at
        with pytest.raises(TooSoon):
            await built.ask(certificate_id, c.Renew)

    async def test_a_replacement_revokes_the_older_leaf(self, built: World) -> None:
        """Replacing issues anew, then revokes the older leaf, and the certificate stays issued."""
        certificate_id = await built.issued()
        await built.ask(certificate_id, c.Replace, reason=RevocationReason.KEY_COMPROMISE, key_type=KeyType.RSA_2048)
        state = await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)

        assert state.status is S.ISSUED
        assert [one.state for one in state.issuances] == [IssuanceState.REVOKED, IssuanceState.VALID]
        assert state.issuances[1].key_type is KeyType.RSA_2048


class TestRevocation:
    async def test_inside_the_window_pays_back(self, built: World) -> None:
        """A revocation on the first day refunds the whole charge, once revoked."""
        certificate_id = await built.issued()
        await built.revoke(certificate_id)
        state = await built.row(certificate_id)

        assert (state.status, state.phase) == (S.REVOKED, Phase.IDLE)
        assert (await built.facts(certificate_id))[-3:] == ["revocation_requested", "revoked", "refunded"]
        assert await built.postings(certificate_id) == {"charge": -900, "refund": 900}

    @pytest.mark.parametrize(("after", "paid_back"), [(timedelta(0), 900), (timedelta(seconds=1), None)])
    async def test_the_boundary_counts_in_seconds(self, built: World, after: timedelta, paid_back: int | None) -> None:
        """30 days to the second still pays back; one second more does not."""
        certificate_id = await built.issued()
        first = (await built.row(certificate_id)).first_issued_at
        assert first is not None
        await built.forward(certificate_id, timedelta(days=30, seconds=5))
        asked = {**built.who(certificate_id, first + timedelta(days=30) + after), "reason": RevocationReason.SUPERSEDED}
        await built.client.send(certificate_id, c.Revoke(**asked))

        assert (await built.postings(certificate_id)).get("refund") == paid_back
        assert (await built.row(certificate_id)).status is S.REVOKED

    async def test_revoking_twice_is_refused(self, built: World) -> None:
        """The second revocation finds nothing to revoke."""
        certificate_id = await built.issued()
        await built.revoke(certificate_id)

        with pytest.raises(NotAllowedNow) as refusal:
            await built.revoke(certificate_id)
        assert refusal.value.current == S.REVOKED

    async def test_withdrawing_after_issuance_is_refused(self, built: World) -> None:
        """Once issued there is nothing to withdraw."""
        certificate_id = await built.issued()

        with pytest.raises(NotAllowedNow):
            await built.ask(certificate_id, c.Withdraw)


class TestDeletion:
    async def test_it_ends_the_workflow_and_destroys_the_key(self, built: World) -> None:
        """After deletion no key is left, the tombstone says so, and the workflow is over."""
        certificate_id = await built.issued()
        await built.revoke(certificate_id)
        await built.ask(certificate_id, c.Delete)
        await built.handle(certificate_id).result()
        async with built.storage.read() as tx:
            left = await tx.secrets.count_owned(certificate_id)

        assert (await built.row(certificate_id)).status is S.DELETED
        assert left == 0
        with pytest.raises(NotFound):
            await built.ask(certificate_id, c.Relabel, label="x")

    async def test_in_use_of_its_refund_it_must_be_meant(self, built: World) -> None:
        """Deleting an issued certificate inside the refund window is refused unless the refund is forfeited."""
        certificate_id = await built.issued()
        with pytest.raises(NotAllowedNow) as refusal:
            await built.ask(certificate_id, c.Delete)
        await built.ask(certificate_id, c.Delete, forfeit_refund=True)

        assert refusal.value.special_code == "refund_would_be_lost"
        assert await built.postings(certificate_id) == {"charge": -900}


class TestUpload:
    async def test_it_expires_after_its_reminders(self, built: World) -> None:
        """An uploaded certificate is reminded of and expires at its own end, without any payment."""
        certificate_id = await built.uploaded(ends_in=timedelta(days=20))
        await built.live_on(certificate_id, await built.now(certificate_id) + timedelta(days=20))
        state = await built.reaches(certificate_id, S.EXPIRED)

        assert state.payment is None
        assert (await built.facts(certificate_id)).count("reminded") == 4

    async def test_revoking_it_is_refused(self, built: World) -> None:
        """What another CA signed is not ours to revoke."""
        certificate_id = await built.uploaded(ends_in=timedelta(days=20))

        with pytest.raises(NotAllowedNow):
            await built.revoke(certificate_id)

    async def test_it_is_deleted_at_any_time(self, built: World) -> None:
        """An uploaded certificate may go while it is valid."""
        certificate_id = await built.uploaded(ends_in=timedelta(days=20))
        await built.ask(certificate_id, c.Delete)

        assert (await built.row(certificate_id)).status is S.DELETED
