"""A payment method for tests and rehearsals: keeps the promises of the real ones, and goes wrong on request."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from certloom.domain.errors import Conflict, FieldFault, InvalidInput, NotFound, Outage, OutcomeUnknown, PaymentRefused
from certloom.domain.money import Money
from certloom.payments.interface import PaymentRequest

Call = Literal["charge", "refund", "deposit"]


@dataclass
class Script:
    """What goes wrong, and how often; the counts go down as it happens, and may be set anew at any time.

    `outages` answer before anything is done, `lost_answers` after it was; both count for every call.
    """

    declines: int = 0
    outages: int = 0
    lost_answers: int = 0


@dataclass(frozen=True)
class Movement:
    """Money that moved, once."""

    call: Call
    account_id: str
    amount: Money


class FakePayments:
    """PaymentMethod and Balances in memory; `calls` counts what was asked, `movements` keeps what moved, by key."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.calls: Counter[Call] = Counter()
        self.movements: dict[str, Movement] = {}
        self._balances: dict[str, Money] = {}

    def open_account(self, account_id: str, currency: str) -> None:
        """Make an account with an empty balance."""
        self._balances.setdefault(account_id, Money(amount=0, currency=currency))

    async def charge(self, request: PaymentRequest, *, now: datetime) -> None:  # noqa: ARG002 - nothing is dated here
        """Take the money once by its key, unless the script declines."""
        self._answer("charge")
        if self._new("charge", request):
            self._decline()
            self._move("charge", request, -request.amount.amount)
        self._lose_answer()

    async def refund(self, request: PaymentRequest, *, charge_key: str, now: datetime) -> Money:  # noqa: ARG002
        """Give back what the charge took, once by the key; zero when there was no charge."""
        self._answer("refund")
        charged = self._charged(request, charge_key)
        if charged.amount and self._new("refund", request):
            self._move("refund", request.model_copy(update={"amount": charged}), charged.amount)
        self._lose_answer()
        return charged

    async def deposit(self, request: PaymentRequest, *, now: datetime) -> None:  # noqa: ARG002
        """Add to the balance once by its key."""
        self._answer("deposit")
        if self._new("deposit", request):
            self._move("deposit", request, request.amount.amount)
        self._lose_answer()

    async def balance(self, account_id: str) -> Money:
        """Return the balance; raises NotFound."""
        if account_id not in self._balances:
            raise NotFound("There is no such account.")
        return self._balances[account_id]

    def _new(self, call: Call, request: PaymentRequest) -> bool:
        self._check(request)
        before = self.movements.get(request.key)
        if before and (before.call, before.account_id) != (call, request.account_id):
            raise Conflict(f"The key {request.key} was used for another payment.", code="payment_key_reused")
        return before is None

    def _check(self, request: PaymentRequest) -> None:
        known = self._balances.get(request.account_id)
        if known is None:
            raise NotFound("There is no such account.")
        if known.currency != request.amount.currency:
            raise InvalidInput([_fault("/currency", "currency_mismatch", f"This account is kept in {known.currency}.")])

    def _charged(self, request: PaymentRequest, charge_key: str) -> Money:
        self._check(request)
        charge = self.movements.get(charge_key)
        if charge is None:
            return Money(amount=0, currency=request.amount.currency)
        if (charge.call, charge.account_id) != ("charge", request.account_id):
            raise NotFound("This account has no such charge.")
        if request.amount.amount > charge.amount.amount:
            raise InvalidInput([_fault("/amount", "refund_exceeds_charge", "The refund is more than the charge.")])
        return charge.amount

    def _move(self, call: Call, request: PaymentRequest, change: int) -> None:
        after = self._balances[request.account_id].amount + change
        if after < 0:
            raise PaymentRefused("The balance does not cover this.", code="insufficient_balance")
        self._balances[request.account_id] = Money(amount=after, currency=request.amount.currency)
        self.movements[request.key] = Movement(call, request.account_id, request.amount)

    def _answer(self, call: Call) -> None:
        self.calls[call] += 1
        if self.script.outages:
            self.script.outages -= 1
            raise Outage("The scripted payment provider does not answer.")

    def _decline(self) -> None:
        if self.script.declines:
            self.script.declines -= 1
            raise PaymentRefused("The scripted payment provider declined.")

    def _lose_answer(self) -> None:
        if self.script.lost_answers:
            self.script.lost_answers -= 1
            raise OutcomeUnknown("The scripted payment provider's answer was lost.")


def _fault(pointer: str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer=pointer, code=code, detail=detail)
