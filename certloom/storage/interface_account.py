"""Accounts, their keys and money, and what their requests were answered: the tables of the tenant's side.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from certloom.storage.records import (
    Account,
    ApiKey,
    IdempotencyClaim,
    LedgerLine,
    Page,
    Posting,
)


class AccountTable(Protocol):
    """Tenants and their API keys."""

    async def add(self, account: Account) -> None:
        """Insert."""
        ...

    async def get(self, account_id: str) -> Account | None:
        """Return one."""
        ...

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[Account]:
        """List newest first."""
        ...

    async def add_key(self, key: ApiKey) -> None:
        """Insert a key; only its hash is stored."""
        ...

    async def get_key(self, key_id: str) -> ApiKey | None:
        """Return a key, revoked and expired ones too."""
        ...

    async def keys(self, account_id: str | None) -> Sequence[ApiKey]:
        """List the keys of an account; None lists operators' keys."""
        ...

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Revoke; False when it is unknown or was revoked before."""
        ...

    async def touch_key(self, key_id: str, at: datetime) -> None:
        """Remember the last use; at most one write a minute."""
        ...


class LedgerTable(Protocol):
    """Double entry: every posting's lines sum to zero, and a customer's balance is never negative."""

    async def post(self, posting: Posting) -> bool:
        """Book a posting once by its key; False when it was booked before (the same content or not).

        Raises PaymentRefused (insufficient_balance) when a customer's account would go below zero, and then books
        nothing; holds under parallel callers on both databases (row lock, or SQLite's write lock).
        Raises InvalidInput when lines do not sum to zero, currencies differ, or a sum leaves int64.
        """
        ...

    async def find(self, key: str) -> Posting | None:
        """Return a posting by its key."""
        ...

    async def balance(self, account_id: str) -> int:
        """Return a customer's balance in minor units."""
        ...

    async def statement(self, account_id: str, *, limit: int, cursor: str | None = None) -> Page[LedgerLine]:
        """List the account's lines, newest first, each with the balance after it."""
        ...

    async def audit(self) -> Mapping[str, int]:
        """Sum all lines per currency; every value is zero, or the ledger is broken."""
        ...

    async def drifted(self) -> Sequence[str]:
        """List the accounts whose balance is not the sum of their lines: none, or the ledger is broken."""
        ...


class IdempotencyTable(Protocol):
    """Answers to requests that carried an Idempotency-Key; kept 30 days, never with secrets."""

    async def claim(self, claim: IdempotencyClaim) -> IdempotencyClaim:
        """Insert by (scope, key), or return the one that is there, answered or not."""
        ...

    async def answer(self, scope: str, key: str, *, status: int, body: str, headers: Mapping[str, str]) -> None:
        """Record the answer."""
        ...

    async def release(self, scope: str, key: str) -> None:
        """Forget an unanswered claim, when the request failed before anything happened."""
        ...

    async def renew(self, scope: str, key: str, *, at: datetime, stale_before: datetime) -> bool:
        """Take over an unanswered claim older than `stale_before` (its process died); False if it is not stale."""
        ...

    async def purge(self, before: datetime) -> int:
        """Delete claims from before; return how many."""
        ...


class AuditTable(Protocol):
    """Who fetched keys and who changed accounts."""

    async def add(self, *, at: datetime, actor: str, action: str, account_id: str | None, subject: str) -> None:
        """Append a line."""
        ...
