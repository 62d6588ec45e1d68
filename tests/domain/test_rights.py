"""What may be asked when."""

from datetime import timedelta
from typing import Any

import pytest

from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.application import Decision, ValidationMethod
from certloom.domain.certificate import Action
from certloom.domain.errors import InvalidInput, NotAllowedNow, NotFound, TooSoon
from certloom.domain.evolve import evolve
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import OrderPurpose
from certloom.domain.product import Level
from certloom.domain.rights import allowed_actions, check, quote
from tests.lives import NOW, issued, issuing, paid, product, proving, uploaded

WHO: dict[str, Any] = {"request_id": "r", "actor": "key_1", "requested_at": NOW}


def _apply(*names: str) -> c.Apply:
    return c.Apply(
        application_id="appl_1", names=names, validation=ValidationMethod.DNS_01, key_type=KeyType.ECDSA_P256, **WHO
    )


class TestCheck:
    def test_withdraw_until_issuing(self) -> None:
        """An application is withdrawn while it is proving, and never once the issuer may sign."""
        check(c.Withdraw(**WHO), proving(), NOW)
        with pytest.raises(NotAllowedNow) as refusal:
            check(c.Withdraw(**WHO), issuing(), NOW)

        assert refusal.value.current == "pending_verification"

    def test_revoke_twice(self) -> None:
        """What is being revoked is not revoked again."""
        due = quote(issued(), NOW)
        assert due is not None
        reason = RevocationReason.SUPERSEDED
        revoking = evolve(issued(), f.RevocationRequested(at=NOW, requested_at=NOW, reason=reason, quote=due))

        with pytest.raises(NotAllowedNow):
            check(c.Revoke(reason=reason, **WHO), revoking, NOW)

    def test_an_uploaded_one_is_not_revoked(self) -> None:
        """We cannot revoke what another CA signed."""
        with pytest.raises(NotAllowedNow) as refusal:
            check(c.Revoke(reason=RevocationReason.SUPERSEDED, **WHO), uploaded(), NOW)

        assert Action.REVOKE not in refusal.value.allowed

    def test_names_must_fit_the_product(self) -> None:
        """Two names for a single-name product are refused with a pointer."""
        with pytest.raises(InvalidInput) as refusal:
            check(_apply("a.example.com", "b.example.com"), paid(), NOW)

        assert [fault.pointer for fault in refusal.value.faults] == ["/names"]

    def test_deleting_inside_the_refund_window_must_be_meant(self) -> None:
        """A deletion that would lose money is refused, unless the refund is forfeited in words."""
        with pytest.raises(NotAllowedNow) as refusal:
            check(c.Delete(**WHO), issued(), NOW)
        check(c.Delete(forfeit_refund=True, **WHO), issued(), NOW)

        assert refusal.value.special_code == "refund_would_be_lost"

    def test_after_the_window_it_is_just_deleted(self) -> None:
        """Outside the window there is nothing to lose."""
        late = NOW + timedelta(days=31)

        check(c.Delete(**{**WHO, "requested_at": late}), issued(), late)

    def test_renewing_twice_a_day_is_too_soon(self) -> None:
        """A renewal by hand is answered once in 24 hours, and says when again."""
        started = f.RenewalStarted(at=NOW, actor="key_1", purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256)
        state = evolve(evolve(issued(), started), f.RenewalFailed(at=NOW, detail="x"))

        with pytest.raises(TooSoon) as refusal:
            check(c.Renew(**WHO), state, NOW + timedelta(hours=23))

        assert refusal.value.retry_at == NOW + timedelta(hours=24)

    def test_a_plan_that_ended_is_not_renewed(self) -> None:
        """After the plan's end the answer is to buy anew."""
        with pytest.raises(NotAllowedNow) as refusal:
            check(c.Renew(**WHO), issued(), NOW + timedelta(days=366))

        assert refusal.value.special_code == "plan_ended"

    def test_another_application_is_not_found(self) -> None:
        """A review names the application it is about."""
        state = proving(of=product(level=Level.OV))

        with pytest.raises(NotFound):
            check(c.Decide(application_id="appl_9", decision=Decision.APPROVE, **WHO), state, NOW)


class TestAllowedActions:
    def test_review_is_for_reviewed_products(self) -> None:
        """A DV application offers no review."""
        assert Action.REVIEW not in allowed_actions(proving())
        assert Action.REVIEW in allowed_actions(proving(of=product(level=Level.EV)))
