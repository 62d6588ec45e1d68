"""Certificates put straight into storage, in the mixture of a shop, for an account of their own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from certloom.domain.role import Role
from certloom.domain.state import CertificateState
from certloom.storage.interface import Storage
from certloom.storage.records import Account
from tests.lives import issued, paid, proving, uploaded
from workers.seed import api_key_row, new_api_key

ACCOUNT: Final = "acct_shop"
BATCH: Final = 500  # rows per transaction
_MIXTURE: Final = (*["issued"] * 16, "paid", "proving", "uploaded", "uploaded")


async def open_shop(storage: Storage) -> str:
    """Make the account and return its API key."""
    now = datetime.now(UTC)
    _, token = new_api_key()
    async with storage.begin() as tables:
        await tables.accounts.add(Account(id=ACCOUNT, name="Shop", currency="EUR", created_at=now))
        await tables.accounts.add_key(api_key_row(token, account_id=ACCOUNT, role=Role.MEMBER, label="bench", now=now))
    return token


async def fill_shop(storage: Storage, count: int, tell: Callable[[int], None]) -> float:
    """Write *count* certificates; return the seconds it took. *tell* hears how many there are."""
    began = time.perf_counter()
    now = datetime.now(UTC)
    stages = {"issued": issued(at=now), "paid": paid(at=now), "proving": proving(at=now), "uploaded": uploaded(at=now)}
    for start in range(0, count, BATCH):
        end = min(start + BATCH, count)
        async with storage.begin() as tables:
            for number in range(start, end):
                stage = stages[_MIXTURE[number % len(_MIXTURE)]]
                await tables.certificates.write(_named(stage, number, now - timedelta(seconds=count - number)), [])
        tell(end)
    return time.perf_counter() - began


def certificate_id(number: int) -> str:
    return f"cert_shop{number}"


def domain(number: int) -> str:
    return f"www{number}.shop.example.com"


def _named(stage: CertificateState, number: int, at: datetime) -> CertificateState:
    names = (domain(number),)
    application = stage.application.model_copy(update={"names": names}) if stage.application else None
    changes = {
        "certificate_id": certificate_id(number),
        "account_id": ACCOUNT,
        "created_at": at,
        "label": f"shop {number}",
        "application": application,
        "uploaded_names": names if stage.uploaded_names else (),
    }
    return stage.model_copy(update=changes)
