"""The sentences about limits that people read."""

import pytest

from certloom.domain.budget import LETS_ENCRYPT, BucketName, Limit, LimitScope, counted_by
from certloom.domain.budget_queue import Shortage
from certloom.domain.shortage import explain, span
from tests.domain.test_budget import DAY, HOUR, MINUTE, NOW, SECOND

SENTENCES = {
    LimitScope.ORDERS: "Let's Encrypt allows 300 new orders from one account in 3 hours",
    LimitScope.DOMAIN: "Let's Encrypt allows 50 certificates for example.com and the names below it in 7 days",
    LimitScope.NAME_SET: (
        "Let's Encrypt allows 5 certificates for exactly these names "
        "(a.example.com, b.example.com and 1 more) in 7 days"
    ),
    LimitScope.FAILURES: "Let's Encrypt allows 5 failed validations of a.example.com in 1 hour",
}


class TestWords:
    @pytest.mark.parametrize("limit", LETS_ENCRYPT.items, ids=lambda limit: limit.scope)
    def test_each_limit_has_its_sentence(self, limit: Limit) -> None:
        """What is allowed for what in which time, and when the next is possible."""
        names = ("c.example.com", "b.example.com", "a.example.com")
        bucket = counted_by(limit.scope, names)[0]
        short = Shortage(
            bucket=bucket, count=limit.count, period=limit.period, ahead=0, possible_at=NOW, until=NOW
        )  # fmt: skip
        said = explain(short, issuer="Let's Encrypt")
        assert said == SENTENCES[limit.scope] + "; the next is possible on 2026-11-24 04:12 UTC."

    @pytest.mark.parametrize(
        ("ahead", "words"), [(1, " 1 more urgent order goes first."), (3, " 3 more urgent orders go first.")]
    )
    def test_who_goes_first_is_told(self, ahead: int, words: str) -> None:
        """How many are before one."""
        bucket = BucketName(scope=LimitScope.ORDERS)
        short = Shortage(bucket=bucket, count=1, period=DAY, ahead=ahead, possible_at=NOW, until=NOW)
        assert explain(short, issuer="X") == (
            "X allows 1 new order from one account in 1 day; the next is possible on 2026-11-24 04:12 UTC." + words
        )

    def test_spans(self) -> None:
        """A period is told in its largest whole unit."""
        assert [span(one) for one in (90 * SECOND, 90 * MINUTE, 36 * HOUR, 168 * HOUR)] == [
            "90 seconds", "90 minutes", "36 hours", "7 days",
        ]  # fmt: skip
