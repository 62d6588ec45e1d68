"""The demo account of `make run`: its id and API keys, made once per HOME and shown again at every start.

Kept in a file of its own with mode 0600, since the database holds only hashes of keys.
"""

import base64
import hashlib
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from certloom.domain.model import Model
from certloom.domain.money import Money
from certloom.domain.product import Catalogue
from certloom.domain.role import Role
from certloom.payments.interface import Balances, PaymentRequest
from certloom.settings import BadSetting
from certloom.storage.interface import Storage
from certloom.storage.records import Account, ApiKey
from workers.home import read_json, write_private

SECRET_BYTES: Final = 32
GENEROUS: Final = 20  # times everything in the catalogue


class Seed(Model):
    """What init makes sure of; the same seed twice is one account, two keys and one deposit."""

    account_id: str
    customer_api_key: str
    operator_api_key: str


def keep_seed(path: Path) -> Seed:
    """Return the seed in the file; made first when there is none."""
    if not read_json(path):
        seed = Seed(
            account_id=f"acct_{secrets.token_hex(8)}",
            customer_api_key=new_api_key()[1],
            operator_api_key=new_api_key()[1],
        )
        write_private(path, seed.model_dump_json())
    return read_seed(path)


def read_seed(path: Path) -> Seed:
    """Return the seed in the file; raises BadSetting when it holds none."""
    try:
        return Seed.model_validate(read_json(path))
    except ValueError as error:
        raise BadSetting(f"{path} is no seed file of `make run`; remove it to have a new one made.") from error


async def ensure_demo(storage: Storage, balances: Balances, catalogue: Catalogue, seed: Seed, *, now: datetime) -> None:
    """Make sure of the account, its key, its money and the operator's key; may be called again."""
    price = sum(product.price.amount for product in catalogue.items)
    currency = catalogue.items[0].price.currency
    async with storage.begin() as tx:
        if await tx.accounts.get(seed.account_id) is None:
            account = Account(id=seed.account_id, name="Demo", currency=currency, created_at=now)
            await tx.accounts.add(account)
        wanted = ((seed.customer_api_key, seed.account_id, Role.MEMBER), (seed.operator_api_key, None, Role.OPERATOR))
        for key, account_id, role in wanted:
            row = api_key_row(key, account_id=account_id, role=role, label="make run", now=now)
            if await tx.accounts.get_key(row.id) is None:
                await tx.accounts.add_key(row)
    await balances.deposit(
        PaymentRequest(
            key=f"{seed.account_id}/opening-deposit",
            account_id=seed.account_id,
            amount=Money(amount=GENEROUS * price, currency=currency),
            reference="make run",
        ),
        now=now,
    )


def new_api_key() -> tuple[str, str]:
    """Return the id and the whole text of a new API key."""
    key_id = secrets.token_hex(8)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).rstrip(b"=").decode("ascii")
    return key_id, f"clm_{key_id}_{secret}"


def api_key_row(key: str, *, account_id: str | None, role: Role, label: str, now: datetime) -> ApiKey:
    """Return what the database keeps of a key: never the secret."""
    _, key_id, secret = key.split("_", 2)
    raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    return ApiKey(
        id=key_id, account_id=account_id, role=role, label=label, hash=hashlib.sha256(raw).hexdigest(), created_at=now
    )
