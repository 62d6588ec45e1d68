"""The refund rule and its boundary."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from certloom.domain.money import Money
from certloom.domain.product import RefundClock, RefundPolicy
from certloom.domain.refund import RefundReason, refund_quote

CHARGED = Money(amount=900, currency="EUR")
ISSUED = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
WINDOW = timedelta(seconds=30 * 86_400)

moments = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))


def _quote(
    requested_at: datetime, policy: RefundPolicy | None = None, issued: datetime | None = ISSUED
) -> tuple[bool, int]:
    quote = refund_quote(
        policy or RefundPolicy(),
        charged=CHARGED,
        paid_at=ISSUED - timedelta(days=3),
        first_issued_at=issued,
        requested_at=requested_at,
    )
    return quote.due, quote.amount.amount


class TestBoundary:
    def test_the_last_moment_pays_in_full(self) -> None:
        """A request exactly 30 days after the first issuance is inside the window."""
        assert _quote(ISSUED + WINDOW) == (True, 900)

    def test_a_microsecond_later_pays_nothing(self) -> None:
        """The moment after the boundary is outside, and nothing is paid."""
        assert _quote(ISSUED + WINDOW + timedelta(microseconds=1)) == (False, 0)

    @given(moments)
    def test_it_is_all_or_nothing(self, after: timedelta) -> None:
        """At any time the refund is the whole charge or zero, by the window alone."""
        assert _quote(ISSUED + after) == ((True, 900) if after <= WINDOW else (False, 0))

    @given(moments, st.integers(min_value=0, max_value=366))
    def test_the_policy_sets_the_window(self, after: timedelta, days: int) -> None:
        """A product's own number of days decides; zero days never pays."""
        due, _ = _quote(ISSUED + after, RefundPolicy(days=days))

        assert due == (days > 0 and after <= timedelta(days=days))


class TestClock:
    def test_it_can_start_at_the_payment(self) -> None:
        """With the payment's clock, the days before issuance count."""
        policy = RefundPolicy(days=30, clock=RefundClock.PAYMENT)

        assert _quote(ISSUED + timedelta(days=27, seconds=1), policy) == (False, 0)

    def test_nothing_issued_pays_in_full(self) -> None:
        """Before the first issuance there is no window to be outside of."""
        quote = refund_quote(RefundPolicy(), charged=CHARGED, paid_at=ISSUED, first_issued_at=None, requested_at=ISSUED)

        assert (quote.due, quote.why) == (True, RefundReason.NEVER_ISSUED)

    def test_a_gift_is_not_paid_back(self) -> None:
        """A charge of zero leaves nothing to refund."""
        free = Money(amount=0, currency="EUR")
        quote = refund_quote(RefundPolicy(), charged=free, paid_at=ISSUED, first_issued_at=ISSUED, requested_at=ISSUED)

        assert not quote.due
