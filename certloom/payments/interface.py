"""How money comes in and goes back; one class per payment method."""

from datetime import datetime
from typing import Protocol

from certloom.domain.model import Model
from certloom.domain.money import Money


class PaymentRequest(Model):
    """A charge or refund. `key` makes it happen once; `reference` is the certificate."""

    key: str
    account_id: str
    amount: Money
    reference: str


class PaymentMethod(Protocol):
    """Both calls may be repeated with the same key for ever and move money once."""

    async def charge(self, request: PaymentRequest, *, now: datetime) -> None:
        """Take the money; raises PaymentRefused (insufficient_balance, payment_declined), and then nothing moved.

        Raises Outage when the outcome is not known yet: call again.
        """
        ...

    async def refund(self, request: PaymentRequest, *, charge_key: str, now: datetime) -> Money:
        """Pay back exactly what was charged under *charge_key*, and return it: zero when nothing was charged.

        `request.amount` must not exceed the charge. Raises Outage.
        """
        ...


class Balances(Protocol):
    """What the API shows of a prepaid balance, and how an operator adds to it."""

    async def deposit(self, request: PaymentRequest, *, now: datetime) -> None:
        """Book a deposit once by its key; raises InvalidInput for another currency than the account's."""
        ...

    async def balance(self, account_id: str) -> Money:
        """Return the balance; raises NotFound."""
        ...
