"""Calculates what is paid back, and pays it back, once."""

from collections.abc import Mapping

from temporalio import activity

from activities.payment import charge_request
from activities.work import Done, Work, act_once, act_within, started_at
from certloom.domain.fact import CancellationRequested, Fact, Refunded, RevocationRequested
from certloom.domain.issuance import RevocationReason
from certloom.domain.model import Utc
from certloom.domain.refund import RefundQuote
from certloom.domain.rights import quote
from certloom.payments.interface import PaymentMethod, PaymentRequest
from certloom.storage.interface import Storage, Transaction


class RefundQuestion(Work):
    """A revocation (with a reason) or a cancellation (without), judged by `requested_at` and by no later time."""

    requested_at: Utc
    actor: str
    reason: RevocationReason | None = None
    force: bool = False


class RefundActivities:
    """`methods` are the payment methods by name."""

    def __init__(self, *, storage: Storage, methods: Mapping[str, PaymentMethod]) -> None:
        self._storage = storage
        self._methods = methods

    @activity.defn(name="calculate_refund")
    async def calculate_refund(self, question: RefundQuestion) -> Done:
        """Record the request and its quote together; the quote stands, however long the rest takes."""
        now = started_at()
        state = question.state
        answer = quote(state, question.requested_at)

        async def effect(_: Transaction) -> Fact:
            if answer is None:
                raise ValueError("nothing was paid for this certificate")
            return _request(question, answer)

        key = state.claim(f"refund-quote/{state.version}")
        return await act_within(self._storage, question, key=key, now=now, effect=effect)

    @activity.defn(name="refund")
    async def refund(self, work: Work) -> Done:
        """Pay the charge back under `<certificate>/refund`, exactly as it was charged."""
        now = started_at()
        state = work.state

        async def effect() -> Fact:
            if state.refund is None or state.payment is None:
                raise ValueError("no refund was decided")
            charged = charge_request(state)
            request = PaymentRequest(
                key=state.claim("refund"),
                account_id=state.account_id,
                amount=state.refund.amount,
                reference=state.certificate_id,
            )
            method = self._methods[state.payment.method]
            paid_back = await method.refund(request, charge_key=charged.key, now=now)
            return Refunded(at=now, amount=paid_back, why=state.refund.why)

        return await act_once(self._storage, work, key=state.claim("refund"), now=now, effect=effect)


def _request(question: RefundQuestion, answer: RefundQuote) -> Fact:
    at = question.requested_at
    if question.reason is None:
        return CancellationRequested(at=at, actor=question.actor, quote=answer)
    return RevocationRequested(
        at=at,
        actor=question.actor,
        requested_at=at,
        reason=question.reason,
        force=question.force,
        quote=answer,
    )
