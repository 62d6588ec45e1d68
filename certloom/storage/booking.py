"""What a posting must be before it is booked: the rules of double entry, without a database.

A customer's account is named by its id (`acct_...`); ours are `sales:<CUR>` and `deposits:<CUR>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from certloom.domain.errors import FieldFault, InvalidInput, PaymentRefused
from certloom.domain.money import INT64_MAX, Money
from certloom.storage.records import Posting

CUSTOMER: Final = "acct_"
OURS: Final = ("sales", "deposits")


@dataclass(frozen=True)
class Standing:
    """A customer's account as it is locked for booking."""

    currency: str
    balance: int


def check(posting: Posting) -> None:
    """Raise InvalidInput unless the lines sum to zero, fit int64 and name each account once."""
    names = [line.account for line in posting.lines]
    amounts = [line.amount for line in posting.lines]
    if len(names) < 2 or len(set(names)) != len(names):
        raise _bad("A posting needs at least two lines, each of another account.")
    if sum(amounts) != 0:
        raise _bad("The lines of a posting must sum to zero.")
    if any(abs(amount) > INT64_MAX for amount in amounts):
        raise _bad("An amount is too large.")
    for name in names:
        if not name.startswith(CUSTOMER) and name not in {f"{ours}:{posting.currency}" for ours in OURS}:
            raise _bad(f"There is no account {name} for postings in {posting.currency}.")


def customers(posting: Posting) -> list[str]:
    """Return the customers' accounts in it, in the order in which every caller locks them."""
    return sorted(line.account for line in posting.lines if line.account.startswith(CUSTOMER))


def settle(posting: Posting, standings: Mapping[str, Standing]) -> dict[str, int]:
    """Return each customer's balance after the posting.

    Raises InvalidInput for another currency or a balance beyond int64, PaymentRefused for one below zero.
    """
    return {
        line.account: _after(line.amount, standings[line.account], posting.currency)
        for line in posting.lines
        if line.account in standings
    }


def _after(amount: int, standing: Standing, currency: str) -> int:
    if standing.currency != currency:
        detail = f"This account is kept in {standing.currency}; {currency} cannot be booked on it."
        raise InvalidInput([FieldFault(pointer="/currency", code="currency_mismatch", detail=detail)])
    after = standing.balance + amount
    if after > INT64_MAX:
        raise _bad("The balance would become too large.")
    if after < 0:
        raise _insufficient(standing, -amount)
    return after


def _insufficient(standing: Standing, wanted: int) -> PaymentRefused:
    have, want, lack = (
        Money(amount=amount, currency=standing.currency)
        for amount in (standing.balance, wanted, wanted - standing.balance)
    )
    detail = f"The balance of {have} does not cover {want}; deposit at least {lack} and try again."
    return PaymentRefused(detail, code="insufficient_balance")


def _bad(detail: str) -> InvalidInput:
    return InvalidInput([FieldFault(pointer="/amount", code="posting_invalid", detail=detail)])
