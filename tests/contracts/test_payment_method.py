"""What every payment method and every prepaid balance keeps of the contract in payments/interface.py."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Conflict, InvalidInput, NotFound, PaymentRefused
from certloom.domain.money import Money
from certloom.payments.balance import BalancePayments
from certloom.payments.fake import FakePayments
from certloom.payments.interface import PaymentRequest
from tests.databases import KINDS, fresh_storage
from tests.storage.rows import NOW, account

Payments = BalancePayments | FakePayments


@pytest.fixture(params=["fake", *KINDS])
async def payments(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Payments]:
    """Two accounts in euros with nothing on them."""
    if request.param == "fake":
        fake = FakePayments()
        for name in ("acct_1", "acct_2"):
            fake.open_account(name, "EUR")
        yield fake
        return
    async with fresh_storage(request.param, tmp_path) as storage:
        async with storage.begin() as tx:
            for name in ("acct_1", "acct_2"):
                await tx.accounts.add(account(name))
        yield BalancePayments(storage)


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def request(key: str, amount: int, *, account_id: str = "acct_1", currency: str = "EUR") -> PaymentRequest:
    money = Money(amount=amount, currency=currency)
    return PaymentRequest(key=key, account_id=account_id, amount=money, reference="cert_1")


async def balance(payments: Payments) -> int:
    return (await payments.balance("acct_1")).amount


async def test_deposit_once(payments: Payments) -> None:
    """A deposit is booked once by its key."""
    for _ in range(2):
        await payments.deposit(request("deposit", 50), now=NOW)
    assert await payments.balance("acct_1") == euros(50)


async def test_charge_once(payments: Payments) -> None:
    """A charge repeated for ever takes the money once, even when it would not be covered again."""
    await payments.deposit(request("deposit", 50), now=NOW)
    for _ in range(3):
        await payments.charge(request("charge", 40), now=NOW)
    assert await balance(payments) == 10


async def test_insufficient(payments: Payments) -> None:
    """A charge beyond the balance is refused by name, and nothing moves."""
    await payments.deposit(request("deposit", 39), now=NOW)
    with pytest.raises(PaymentRefused) as refused:
        await payments.charge(request("charge", 40), now=NOW)
    assert (refused.value.special_code, await balance(payments)) == ("insufficient_balance", 39)


async def test_charge_after_refusal(payments: Payments) -> None:
    """A refused charge may be sent again, and succeeds when there is money."""
    with pytest.raises(PaymentRefused):
        await payments.charge(request("charge", 40), now=NOW)
    await payments.deposit(request("deposit", 40), now=NOW)
    await payments.charge(request("charge", 40), now=NOW)
    assert await balance(payments) == 0


async def test_parallel_charges(payments: Payments) -> None:
    """Of twenty parallel charges exactly as many are taken as the balance covers."""
    await payments.deposit(request("deposit", 75), now=NOW)
    charges = (payments.charge(request(f"charge {number}", 10), now=NOW) for number in range(20))
    answers = await asyncio.gather(*charges, return_exceptions=True)
    assert (answers.count(None), await balance(payments)) == (7, 5)
    assert all(answer is None or isinstance(answer, PaymentRefused) for answer in answers)


async def test_refund_is_the_charge(payments: Payments) -> None:
    """A refund gives back exactly what was charged, once, and says how much."""
    await payments.deposit(request("deposit", 50), now=NOW)
    await payments.charge(request("charge", 33), now=NOW)
    for _ in range(3):
        assert await payments.refund(request("refund", 33), charge_key="charge", now=NOW) == euros(33)
    assert await balance(payments) == 50


async def test_refund_of_nothing(payments: Payments) -> None:
    """Where nothing was charged, nothing is paid back."""
    assert await payments.refund(request("refund", 33), charge_key="charge", now=NOW) == euros(0)
    assert await balance(payments) == 0


async def test_refund_beyond_the_charge(payments: Payments) -> None:
    """More than was charged cannot be asked back."""
    await payments.deposit(request("deposit", 50), now=NOW)
    await payments.charge(request("charge", 33), now=NOW)
    with pytest.raises(InvalidInput):
        await payments.refund(request("refund", 34), charge_key="charge", now=NOW)
    assert await balance(payments) == 17


async def test_refund_to_another(payments: Payments) -> None:
    """One account's charge is never paid back to another."""
    await payments.deposit(request("deposit", 50), now=NOW)
    await payments.charge(request("charge", 33), now=NOW)
    with pytest.raises(NotFound):
        await payments.refund(request("refund", 33, account_id="acct_2"), charge_key="charge", now=NOW)


async def test_refund_of_a_deposit(payments: Payments) -> None:
    """A deposit is no charge, so it is not paid back."""
    await payments.deposit(request("deposit", 50), now=NOW)
    with pytest.raises(NotFound):
        await payments.refund(request("refund", 50), charge_key="deposit", now=NOW)


async def test_free_of_charge(payments: Payments) -> None:
    """A price of zero is charged and refunded like any other."""
    await payments.charge(request("charge", 0), now=NOW)
    assert await payments.refund(request("refund", 0), charge_key="charge", now=NOW) == euros(0)


async def test_key_of_another_kind(payments: Payments) -> None:
    """A key that stands for a deposit never passes for a charge that was made."""
    await payments.deposit(request("same", 50), now=NOW)
    with pytest.raises(Conflict):
        await payments.charge(request("same", 50), now=NOW)
    with pytest.raises(Conflict):
        await payments.deposit(request("same", 50, account_id="acct_2"), now=NOW)
    assert await balance(payments) == 50


async def test_other_currency(payments: Payments) -> None:
    """Money of another currency than the account's is refused in both directions."""
    with pytest.raises(InvalidInput):
        await payments.deposit(request("deposit", 50, currency="USD"), now=NOW)
    with pytest.raises(InvalidInput):
        await payments.charge(request("charge", 0, currency="USD"), now=NOW)


async def test_unknown_account(payments: Payments) -> None:
    """Nothing is taken from, given to or told about an account that does not exist."""
    with pytest.raises(NotFound):
        await payments.balance("acct_9")
    with pytest.raises(NotFound):
        await payments.deposit(request("deposit", 5, account_id="acct_9"), now=NOW)
    with pytest.raises(NotFound):
        await payments.charge(request("charge", 5, account_id="acct_9"), now=NOW)
