"""Tenants, their API keys, and what their requests were answered."""

from datetime import timedelta

from certloom.domain.role import Role
from certloom.storage.engine import SqlStorage
from certloom.storage.records import ApiKey, IdempotencyClaim
from tests.storage.rows import NOW, account

KEY = ApiKey(id="key_1", account_id="acct_1", role=Role.MEMBER, label="ci", hash="ab", created_at=NOW)
CLAIM = IdempotencyClaim(scope="acct_1", key="k", fingerprint="f", subject="cert_1", claimed_at=NOW)
LATER = NOW + timedelta(minutes=5)


async def test_accounts_page(storage: SqlStorage) -> None:
    """Accounts are listed newest first, in pages; adding one again changes nothing."""
    async with storage.begin() as tx:
        for number in (1, 2, 3, 1):
            await tx.accounts.add(account(f"acct_{number}", created_at=NOW + timedelta(seconds=number // 2)))
        first = await tx.accounts.list(limit=2)
        second = await tx.accounts.list(limit=2, cursor=first.next_cursor)
    assert [one.id for one in first.items + second.items] == ["acct_3", "acct_2", "acct_1"]
    assert second.next_cursor is None


async def test_keys_of(storage: SqlStorage) -> None:
    """An account sees its own keys, and operators' keys belong to none."""
    operators = KEY.model_copy(update={"id": "key_2", "account_id": None, "role": Role.OPERATOR})
    async with storage.begin() as tx:
        await tx.accounts.add_key(KEY)
        await tx.accounts.add_key(operators)
        assert list(await tx.accounts.keys("acct_1")) == [KEY]
        assert list(await tx.accounts.keys(None)) == [operators]


async def test_revoke_key(storage: SqlStorage) -> None:
    """A key is revoked once, and stays known."""
    async with storage.begin() as tx:
        await tx.accounts.add_key(KEY)
        assert [await tx.accounts.revoke_key(key, LATER) for key in ("key_1", "key_1", "key_9")] == [True, False, False]
        assert await tx.accounts.get_key("key_1") == KEY.model_copy(update={"revoked_at": LATER})


async def test_touch_key(storage: SqlStorage) -> None:
    """The last use is remembered to the minute."""
    async with storage.begin() as tx:
        await tx.accounts.add_key(KEY)
        for seconds in (0, 59, 60):
            await tx.accounts.touch_key("key_1", NOW + timedelta(seconds=seconds))
            kept = await tx.accounts.get_key("key_1")
            assert kept is not None
            assert kept.last_used_at == NOW + timedelta(seconds=60 if seconds == 60 else 0)


async def test_answer_stands(storage: SqlStorage) -> None:
    """The first answer is kept, and a later request with the same key gets it."""
    async with storage.begin() as tx:
        assert await tx.idempotency.claim(CLAIM) == CLAIM
        for status in (201, 500):
            await tx.idempotency.answer("acct_1", "k", status=status, body="{}", headers={"ETag": "1"})
        await tx.idempotency.release("acct_1", "k")
        again = await tx.idempotency.claim(CLAIM.model_copy(update={"subject": "cert_2"}))
    assert again == CLAIM.model_copy(update={"status": 201, "body": "{}", "headers": {"ETag": "1"}})


async def test_released_claim(storage: SqlStorage) -> None:
    """A claim that was given up is free for the next request."""
    other = CLAIM.model_copy(update={"subject": "cert_2"})
    async with storage.begin() as tx:
        await tx.idempotency.claim(CLAIM)
        await tx.idempotency.release("acct_1", "k")
        assert await tx.idempotency.claim(other) == other


async def test_stale_claim(storage: SqlStorage) -> None:
    """A claim whose process died is taken over once, and only when it is old enough."""
    async with storage.begin() as tx:
        await tx.idempotency.claim(CLAIM)
        assert not await tx.idempotency.renew("acct_1", "k", at=LATER, stale_before=NOW)
        assert await tx.idempotency.renew("acct_1", "k", at=LATER, stale_before=LATER)
        assert not await tx.idempotency.renew("acct_1", "k", at=LATER, stale_before=LATER)


async def test_purge(storage: SqlStorage) -> None:
    """Old answers go, young ones stay."""
    async with storage.begin() as tx:
        await tx.idempotency.claim(CLAIM)
        assert await tx.idempotency.purge(NOW) == 0
        assert await tx.idempotency.purge(LATER) == 1


async def test_audit_appends(storage: SqlStorage) -> None:
    """The audit trail takes the same line as often as it happens."""
    async with storage.begin() as tx:
        for _ in range(2):
            await tx.audit.add(at=NOW, actor="key_1", action="download", account_id=None, subject="cert_1")
