from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from certloom import wiring
from certloom.issuers.authorities import create_authorities
from certloom.issuers.signing import account_identity, key_identity
from certloom.keys.interface import SealBroken
from certloom.keys.keyring import add_key, create_key_file, read_key_file, retire_old_keys
from certloom.keys.sealing import AesGcmSealer
from certloom.settings import BadSetting, Settings
from certloom.storage.engine import SqlStorage
from certloom.storage.records import AcmeAccount
from workers import rotate_keys as room
from workers.rotate_keys import (
    RotationRefused,
    refuse_while_needed,
    reseal_acme_accounts,
    reseal_authorities,
    reseal_secrets,
    rotate,
)

NOW = datetime.now(UTC)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "customer.key"
    create_key_file(path)
    return path


def sealer(path: Path) -> AesGcmSealer:
    return AesGcmSealer(read_key_file(path))


async def put(storage: SqlStorage, with_key: AesGcmSealer, *refs: str) -> None:
    async with storage.begin() as tx:
        for ref in refs:
            await tx.secrets.put(ref, owner="cert_1", sealed=with_key.seal(ref.encode(), identity=ref))


async def sealed(storage: SqlStorage, ref: str) -> bytes:
    async with storage.read() as tx:
        return await tx.secrets.get(ref) or b""


async def test_secrets_get_the_new_key_in_batches(
    storage: SqlStorage, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every secret of an old key is sealed anew, once, and says the same as before."""
    monkeypatch.setattr(room, "BATCH", 2)
    refs = [f"cert_1/key/{number}" for number in range(5)]
    await put(storage, sealer(key_file), *refs)
    add_key(key_file)
    new = sealer(key_file)
    assert await reseal_secrets(storage, new) == 5
    assert await reseal_secrets(storage, new) == 0
    assert [new.unseal(await sealed(storage, ref), identity=ref) for ref in refs] == [ref.encode() for ref in refs]


async def test_the_old_key_is_of_no_use_afterwards(storage: SqlStorage, key_file: Path) -> None:
    """After a whole rotation the retired key opens nothing, and the new one opens all."""
    old = sealer(key_file)
    await put(storage, old, "cert_1/key/1")
    add_key(key_file)
    await reseal_secrets(storage, sealer(key_file))
    retire_old_keys(key_file)
    value = await sealed(storage, "cert_1/key/1")
    assert sealer(key_file).unseal(value, identity="cert_1/key/1") == b"cert_1/key/1"
    with pytest.raises(SealBroken):
        old.unseal(value, identity="cert_1/key/1")


async def test_the_cas_keys_get_the_new_key(storage: SqlStorage, key_file: Path) -> None:
    """All authorities can sign with the new key alone."""
    await create_authorities(storage, sealer(key_file), public_url="http://127.0.0.1:8080", now=NOW)
    add_key(key_file)
    new = sealer(key_file)
    assert await reseal_authorities(storage, new) == 3
    async with storage.read() as tx:
        rows = await tx.authorities.list()
    assert all(
        new.is_current(row.sealed_key) and new.unseal(row.sealed_key, identity=key_identity(row.id)) for row in rows
    )


async def test_keys_of_accounts_at_other_cas_are_sealed_anew(key_file: Path, storage: SqlStorage) -> None:
    """The issuers' key also seals our accounts' keys at CAs from outside."""
    identity = account_identity("ca", "https://ca.example.net/directory")
    account = AcmeAccount(
        issuer="ca",
        directory="https://ca.example.net/directory",
        sealed_key=sealer(key_file).seal(b"key", identity=identity),
        created_at=NOW,
    )
    async with storage.begin() as tx:
        await tx.acme.keep_account(account)
    add_key(key_file)
    new = sealer(key_file)
    assert [await reseal_acme_accounts(storage, new) for _ in range(2)] == [1, 0]
    async with storage.read() as tx:
        (row,) = await tx.acme.accounts()
    assert new.is_current(row.sealed_key)
    assert new.unseal(row.sealed_key, identity=identity) == b"key"


async def test_a_running_process_opens_what_the_new_key_sealed(key_file: Path) -> None:
    """A process that started before the rotation reads the key file again when it meets the new key."""
    running = wiring.customer_sealer(Settings(customer_key_file=key_file))
    add_key(key_file)
    value = sealer(key_file).seal(b"secret", identity="x")
    assert running.unseal(value, identity="x") == b"secret"


async def test_the_command_adds_once_and_retires_at_the_end(
    tmp_path: Path, key_file: Path, storage: SqlStorage
) -> None:
    """Said twice, the first step adds one key; --retire leaves that one, and every secret opens."""
    await put(storage, sealer(key_file), "cert_1/key/1")
    url = f"sqlite:///{next(tmp_path.glob('*.db'))}"
    settings = Settings(customer_key_file=key_file, database_url=url)
    assert "1 secret(s) were sealed anew" in await rotate(settings, "customer", retire=False)
    assert "0 secret(s)" in await rotate(settings, "customer", retire=False)
    assert len(read_key_file(key_file)) == 2
    assert "1 old key(s) dropped" in await rotate(settings, "customer", retire=True)
    assert len(read_key_file(key_file)) == 1
    value = await sealed(storage, "cert_1/key/1")
    assert sealer(key_file).unseal(value, identity="cert_1/key/1") == b"cert_1/key/1"


async def test_a_key_of_the_environment_is_not_rotated() -> None:
    """Only a file can be written anew; the sentence says so."""
    with pytest.raises(BadSetting, match="CERTLOOM_ISSUER_KEY_FILE is not set"):
        await rotate(Settings(issuer_key="x"), "issuer", retire=False)


async def test_a_payload_key_stays_while_a_run_needs_it(temporal: WorkflowEnvironment) -> None:
    """Histories cannot be sealed anew: the old payload key is kept as long as a run from its time is."""
    client: Client = temporal.client
    await client.start_workflow("Nobody", id="rotation", task_queue="rotation")
    query = "WorkflowId = 'rotation'"
    while not (await client.count_workflows(query)).count:
        pass
    with pytest.raises(RotationRefused, match=r"1 workflow run\(s\) .* still need the old payload key"):
        await refuse_while_needed(client, added_at=NOW, now=NOW + timedelta(days=2))
    await refuse_while_needed(client, added_at=NOW - timedelta(days=2), now=NOW)


async def test_a_payload_key_stays_until_everything_can_have_been_restarted(temporal: WorkflowEnvironment) -> None:
    """Within a day of its successor's birth a payload key is not retired."""
    with pytest.raises(RotationRefused, match="younger than a day"):
        await refuse_while_needed(temporal.client, added_at=NOW, now=NOW + timedelta(hours=23))
