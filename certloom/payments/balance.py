"""Payment from a prepaid balance: every movement is a posting in the ledger, booked once by its key."""

from datetime import datetime
from typing import Final

from certloom.domain.errors import Conflict, FieldFault, InvalidInput, NotFound
from certloom.domain.money import Money
from certloom.payments.interface import PaymentRequest
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import Account, Posting, PostingLine

CHARGE: Final = "charge"
REFUND: Final = "refund"
DEPOSIT: Final = "deposit"


class BalancePayments:
    """PaymentMethod and Balances on the ledger: charges go to `sales:<CUR>`, deposits come from `deposits:<CUR>`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def charge(self, request: PaymentRequest, *, now: datetime) -> None:
        """Move the amount from the customer to our sales; raises PaymentRefused, NotFound, InvalidInput, Outage."""
        async with self._storage.begin() as tx:
            await _account(tx, request)
            await _book(tx, _posting(request, CHARGE, now, sign=-1, ours="sales"))

    async def refund(self, request: PaymentRequest, *, charge_key: str, now: datetime) -> Money:
        """Move what the charge took back to the customer and return it; zero when there was no charge.

        Raises InvalidInput when more is asked for than was charged, NotFound for another account's charge, Outage.
        """
        async with self._storage.begin() as tx:
            account = await _account(tx, request)
            charge = await tx.ledger.find(charge_key)
            if charge is None:
                return Money(amount=0, currency=account.currency)
            charged = _charged(charge, request)
            back = request.model_copy(update={"amount": charged})
            await _book(tx, _posting(back, REFUND, now, sign=1, ours="sales"))
            return charged

    async def deposit(self, request: PaymentRequest, *, now: datetime) -> None:
        """Add the amount to the customer's balance; raises NotFound, InvalidInput, Outage."""
        async with self._storage.begin() as tx:
            await _account(tx, request)
            await _book(tx, _posting(request, DEPOSIT, now, sign=1, ours="deposits"))

    async def balance(self, account_id: str) -> Money:
        """Return the balance; raises NotFound, Outage."""
        async with self._storage.read() as tx:
            account = await _known(tx, account_id)
            return Money(amount=await tx.ledger.balance(account_id), currency=account.currency)


async def _book(tx: Transaction, posting: Posting) -> None:
    """Book once; a key that stands for something else is a defect upstream, and must not pass for done."""
    if await tx.ledger.post(posting):
        return
    before = await tx.ledger.find(posting.key)
    if before is None or (before.kind, _accounts(before)) != (posting.kind, _accounts(posting)):
        raise Conflict(f"The key {posting.key} was used for another payment.", code="payment_key_reused")


def _accounts(posting: Posting) -> set[str]:
    return {line.account for line in posting.lines}


async def _account(tx: Transaction, request: PaymentRequest) -> Account:
    account = await _known(tx, request.account_id)
    if account.currency != request.amount.currency:
        detail = f"This account is kept in {account.currency}; give the amount in {account.currency}."
        raise InvalidInput([FieldFault(pointer="/currency", code="currency_mismatch", detail=detail)])
    return account


async def _known(tx: Transaction, account_id: str) -> Account:
    account = await tx.accounts.get(account_id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _charged(charge: Posting, request: PaymentRequest) -> Money:
    taken = [-line.amount for line in charge.lines if line.account == request.account_id]
    if charge.kind != CHARGE or not taken:
        raise NotFound("This account has no such charge.")
    if request.amount.amount > taken[0]:
        detail = f"A refund of {request.amount} is more than the charge."
        raise InvalidInput([FieldFault(pointer="/amount", code="refund_exceeds_charge", detail=detail)])
    return Money(amount=taken[0], currency=charge.currency)


def _posting(request: PaymentRequest, kind: str, now: datetime, *, sign: int, ours: str) -> Posting:
    amount, currency = request.amount.amount, request.amount.currency
    theirs = PostingLine(account=request.account_id, amount=sign * amount)
    counter = PostingLine(account=f"{ours}:{currency}", amount=-sign * amount)
    return Posting(
        key=request.key, at=now, kind=kind, reference=request.reference, currency=currency, lines=(theirs, counter)
    )
