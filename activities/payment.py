"""Takes the money for an order, once."""

from collections.abc import Mapping

from temporalio import activity

from activities.work import Done, Work, act_once, started_at
from certloom.domain.errors import PaymentRefused
from certloom.domain.fact import Fact, Paid, PaymentDeclined
from certloom.domain.state import CertificateState
from certloom.payments.interface import PaymentMethod, PaymentRequest
from certloom.storage.interface import Storage


class PaymentActivities:
    """`methods` are the payment methods by name."""

    def __init__(self, *, storage: Storage, methods: Mapping[str, PaymentMethod]) -> None:
        self._storage = storage
        self._methods = methods

    @activity.defn(name="charge")
    async def charge(self, work: Work) -> Done:
        """Charge the product's price under `<certificate>/charge`: Paid, or PaymentDeclined and nothing moved."""
        now = started_at()
        state = work.state

        async def effect() -> Fact:
            if state.payment is None:
                raise ValueError("charged before it was ordered")
            try:
                await self._methods[state.payment.method].charge(charge_request(state), now=now)
            except PaymentRefused as refusal:
                return PaymentDeclined(at=now, code=refusal.special_code, detail=refusal.detail)
            return Paid(at=now, amount=state.payment.amount)

        return await act_once(self._storage, work, key=state.claim("charge"), now=now, effect=effect)


def charge_request(state: CertificateState) -> PaymentRequest:
    """Say what is charged: the price as it was at purchase."""
    if state.payment is None:
        raise ValueError("no payment was agreed")
    return PaymentRequest(
        key=state.claim("charge"),
        account_id=state.account_id,
        amount=state.payment.amount,
        reference=state.certificate_id,
    )
