import hashlib
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certloom import wiring
from certloom.catalogue import read_catalogue
from certloom.domain.role import Role
from certloom.keys.keyring import create_key_file
from certloom.settings import BadSetting, Settings
from certloom.storage.engine import SqlStorage
from workers.init import first_operator_key
from workers.seed import ensure_demo, keep_seed, read_seed

NOW = datetime.now(UTC)
CATALOGUE = read_catalogue(None, issuers=(wiring.PRIVATE,))


async def test_the_first_operators_key_is_made_once(storage: SqlStorage) -> None:
    """A second init makes no further key, so nobody gains one by restarting the service."""
    key = await first_operator_key(storage, now=NOW)
    assert key is not None
    assert await first_operator_key(storage, now=NOW) is None
    async with storage.read() as tx:
        rows = await tx.accounts.keys(None)
    assert [(row.role, row.account_id) for row in rows] == [(Role.OPERATOR, None)]


async def test_the_database_keeps_no_secret_of_a_key(storage: SqlStorage) -> None:
    """Only the hash of the key's 32 bytes is stored, as the API checks it."""
    key = await first_operator_key(storage, now=NOW) or ""
    _, key_id, secret = key.split("_", 2)
    async with storage.read() as tx:
        row = await tx.accounts.get_key(key_id)
    assert row is not None
    assert row.hash == hashlib.sha256(urlsafe_b64decode(secret + "=")).hexdigest()
    assert secret not in row.model_dump_json()


async def test_the_demo_account_can_buy_everything_several_times(storage: SqlStorage, tmp_path: Path) -> None:
    """Init twice with the same seed is one account with two keys and one deposit."""
    seed = keep_seed(tmp_path / "seed.json")
    balances = wiring.balances(storage)
    for _ in range(2):
        await ensure_demo(storage, balances, CATALOGUE, seed, now=NOW)
    price = sum(product.price.amount for product in CATALOGUE.items)
    assert (await balances.balance(seed.account_id)).amount == 20 * price
    async with storage.read() as tx:
        roles = [row.role for account in (seed.account_id, None) for row in await tx.accounts.keys(account)]
    assert roles == [Role.MEMBER, Role.OPERATOR]


def test_the_seed_is_the_same_at_every_start(tmp_path: Path) -> None:
    """Keys that were shown once are shown again, and the file is its owner's alone."""
    path = tmp_path / "seed.json"
    assert keep_seed(path) == keep_seed(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_seed_that_is_none_is_told(tmp_path: Path) -> None:
    """A file of something else is named, not overwritten."""
    path = tmp_path / "seed.json"
    path.write_text('{"something": "else"}', encoding="utf-8")
    with pytest.raises(BadSetting, match=r"seed\.json is no seed file"):
        read_seed(path)


@pytest.mark.parametrize("missing", ["customer", "issuer", "payload"])
def test_a_missing_key_is_told_before_anything_changes(missing: str, tmp_path: Path) -> None:
    """No key has a default: init refuses with a sentence that names the variable and how to make one."""
    files = {kind: tmp_path / f"{kind}.key" for kind in ("customer", "issuer", "payload")}
    for path in files.values():
        create_key_file(path)
    del files[missing]
    settings = Settings(**{f"{kind}_key_file": path for kind, path in files.items()})  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match=f"^CERTLOOM_{missing.upper()}_KEY_FILE is not set, .*openssl rand"):
        wiring.check(settings)


def test_a_key_given_twice_is_told(tmp_path: Path) -> None:
    """Value and file together are a mistake waiting to happen."""
    path = tmp_path / "customer.key"
    create_key_file(path)
    with pytest.raises(BadSetting, match="are both set: keep one"):
        wiring.keyring(Settings(customer_key="x", customer_key_file=path), "customer")
