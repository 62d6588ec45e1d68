"""How the scripted payment method goes wrong when it is told to."""

import pytest

from certloom.domain.errors import Outage, OutcomeUnknown, PaymentRefused
from certloom.domain.money import Money
from certloom.payments.fake import FakePayments, Script
from certloom.payments.interface import PaymentRequest
from tests.storage.rows import NOW

DEPOSIT = PaymentRequest(key="deposit", account_id="acct_1", amount=Money(amount=9, currency="EUR"), reference="cash")
CHARGE = DEPOSIT.model_copy(update={"key": "charge"})


async def rich(script: Script) -> FakePayments:
    fake = FakePayments()
    fake.open_account("acct_1", "EUR")
    await fake.deposit(DEPOSIT, now=NOW)
    fake.script = script
    return fake


async def balance(fake: FakePayments) -> int:
    return (await fake.balance("acct_1")).amount


async def test_outage_then_charge() -> None:
    """An outage moves nothing, and the next call goes through."""
    fake = await rich(Script(outages=1))
    with pytest.raises(Outage):
        await fake.charge(CHARGE, now=NOW)
    assert await balance(fake) == 9
    await fake.charge(CHARGE, now=NOW)
    assert (await balance(fake), fake.calls["charge"]) == (0, 2)


async def test_lost_answer() -> None:
    """A lost answer has moved the money, and asking again moves it no second time."""
    fake = await rich(Script(lost_answers=1))
    with pytest.raises(OutcomeUnknown):
        await fake.charge(CHARGE, now=NOW)
    await fake.charge(CHARGE, now=NOW)
    assert await balance(fake) == 0


async def test_decline() -> None:
    """A declined charge is refused by its own code."""
    fake = await rich(Script(declines=1))
    with pytest.raises(PaymentRefused) as refused:
        await fake.charge(CHARGE, now=NOW)
    assert (refused.value.special_code, await balance(fake)) == ("payment_declined", 9)
