"""What an issuer's no means for an application and for a renewal."""

from datetime import timedelta

import pytest

from activities.attempt import OPERATORS, known, refused
from certloom.domain.errors import IssuerRefused, Outage
from certloom.domain.fact import ApplicationRefused, OrderExpired, RenewalFailed
from certloom.domain.key import KeyType
from certloom.domain.order import Order, OrderPurpose
from tests.lives import NOW, issued, proving

SOON, LATER = NOW + timedelta(seconds=10), NOW + timedelta(hours=1)
RENEWAL = Order(attempt=2, purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256, started_at=NOW)


def no(reason: str) -> IssuerRefused:
    return IssuerRefused("No.", reason=reason)


def test_a_neighbours_order_costs_nobody_his_application() -> None:
    """However soon somebody else orders the same name, the order is placed anew and the application stays open."""
    assert isinstance(refused(proving(), no("contested"), SOON), OrderExpired)


@pytest.mark.parametrize("reason", ["leaf_over", "order_ended", "order_lost"])
def test_an_order_that_came_to_nothing_is_placed_anew(reason: str) -> None:
    """Unless it ended as soon as it was placed: then the next one would, too."""
    assert isinstance(refused(proving(), no(reason), LATER), OrderExpired)
    assert isinstance(refused(proving(), no(reason), SOON), ApplicationRefused)


def test_an_issuer_that_was_taken_out_is_waited_for() -> None:
    """A worker that was started without the issuers file parks no renewal."""
    with pytest.raises(Outage, match="issuers file"):
        known({}, "letsencrypt")


@pytest.mark.parametrize("reason", sorted(OPERATORS))
def test_what_an_operator_has_to_mend_ends_no_application(reason: str) -> None:
    """The step is parked with the sentence; a renewal comes again by itself."""
    with pytest.raises(IssuerRefused):
        refused(proving(), no(reason), LATER)
    renewing = issued().model_copy(update={"order": RENEWAL})
    assert isinstance(refused(renewing, no(reason), LATER), RenewalFailed)
