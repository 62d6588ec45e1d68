"""What SQL remembers, table by table, as its users need it; one transaction per request or activity.

Every method may be called again after a crash unless it says otherwise. All raise Outage when the database does not
answer or stays locked, and nothing else but what they name. Times are aware UTC.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from certloom.domain.certificate import CertificateStatus, Group, Origin
from certloom.domain.fact import Entry
from certloom.domain.issuance import IssuanceState
from certloom.domain.state import CertificateState
from certloom.storage.interface_account import AccountTable, AuditTable, IdempotencyTable, LedgerTable
from certloom.storage.interface_acme import AcmeTable
from certloom.storage.interface_authority import AuthorityTable
from certloom.storage.interface_budget import BudgetTable
from certloom.storage.interface_contest import ContestTable
from certloom.storage.interface_dns import DelegationTable, PublishedTable, ZoneTable
from certloom.storage.interface_overview import OverviewTable
from certloom.storage.interface_renewal import RenewalTable
from certloom.storage.interface_target import DeploymentTable, LeaseTable, TargetTable
from certloom.storage.records import (
    Draft,
    IssuanceRecord,
    LookRecord,
    Page,
    Sort,
    TimelineEntry,
)


class CertificateTable(Protocol):
    """One row per certificate with its serialised state, and the timeline."""

    async def write(self, state: CertificateState, entries: Sequence[Entry]) -> None:
        """Write the row unless its version is newer, and each entry once by (certificate, version)."""
        ...

    async def get(self, certificate_id: str) -> CertificateState | None:
        """Return the state as last written, deleted ones included."""
        ...

    async def search(
        self,
        *,
        account_id: str | None,
        group: Group | None = None,
        status: CertificateStatus | None = None,
        origin: Origin | None = None,
        expires_before: datetime | None = None,
        query: str | None = None,
        sort: Sort = Sort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CertificateState]:
        """List in the order of `sort`, keyset paginated both ways; `account_id` None is for operators.

        `query` matches, case-insensitively, a prefix of any name, of the label or of the id, as plain text. Deleted
        ones are listed only when asked for by status or group. Raises InvalidInput (pointer /cursor) for a bad cursor.
        """
        ...

    async def summary(self, account_id: str | None) -> Mapping[CertificateStatus, int]:
        """Count per status, every status present; fast at 100,000 rows (an indexed group by, or kept counts)."""
        ...

    async def ending(self, account_id: str | None, before: datetime) -> int:
        """Count what is in force and ends before then; as fast as `summary`."""
        ...

    async def timeline(self, certificate_id: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
        """List what happened, newest first."""
        ...

    async def living(self, *, after: str | None, limit: int) -> Sequence[CertificateState]:
        """List certificates that are not deleted, by id, for reconcile."""
        ...

    async def in_review(self, *, limit: int, cursor: str | None = None) -> Page[CertificateState]:
        """List those whose application waits for an operator (OV and EV without a review), oldest first."""
        ...


class ClaimTable(Protocol):
    """Outside effects, claimed before they happen (DESIGN 4.2)."""

    async def claim(self, key: str, at: datetime) -> str | None:
        """Insert the claim; return the recorded result when the effect is already done, else None."""
        ...

    async def finish(self, key: str, result: str, at: datetime) -> str:
        """Record the result, once: the first one wins and is what every caller gets back."""
        ...


class DraftTable(Protocol):
    """What an application carries that must not travel through Temporal: contact, organisation, CSR, notes."""

    async def put(self, draft: Draft) -> None:
        """Insert; the same id again is left as it is."""
        ...

    async def get(self, draft_id: str) -> Draft | None:
        """Return it."""
        ...

    async def destroy(self, certificate_id: str) -> int:
        """Delete every form, CSR and note of a certificate; return how many drafts there were."""
        ...

    async def add_note(self, *, application_id: str, note: str, actor: str, at: datetime) -> None:
        """Keep an operator's note to a review."""
        ...


class IssuanceTable(Protocol):
    """Signed leaves and their chains."""

    async def add(self, record: IssuanceRecord) -> None:
        """Insert; the same (certificate, number) again is left as it is."""
        ...

    async def get(self, certificate_id: str, number: int) -> IssuanceRecord | None:
        """Return one."""
        ...

    async def list(self, certificate_id: str) -> Sequence[IssuanceRecord]:
        """List all of a certificate, oldest first."""
        ...

    async def mark(self, certificate_id: str, states: Mapping[int, IssuanceState]) -> None:
        """Set what became of leaves, by number."""
        ...


class SecretTable(Protocol):
    """Sealed secrets by reference; `owner` is the certificate, account or issuer they die with."""

    async def put(self, ref: str, *, owner: str, sealed: bytes) -> bool:
        """Insert; False, and nothing changed, when the reference exists."""
        ...

    async def replace(self, ref: str, *, old: bytes, new: bytes) -> bool:
        """Swap for rotation; False when the secret changed or vanished meanwhile."""
        ...

    async def get(self, ref: str) -> bytes | None:
        """Return the sealed value."""
        ...

    async def destroy(self, ref: str) -> bool:
        """Delete one; True when it was there. SQLite overwrites the bytes (secure_delete)."""
        ...

    async def destroy_owned(self, owner: str) -> int:
        """Delete all of an owner; return how many there were."""
        ...

    async def count_owned(self, owner: str) -> int:
        """Count what is left, as the proof of deletion."""
        ...

    async def list(self, *, after: str | None, limit: int) -> Sequence[tuple[str, bytes]]:
        """List (ref, sealed) by ref, for rotation."""
        ...


class LookTable(Protocol):
    """What the validator saw last, per challenge."""

    async def put(self, looks: Sequence[LookRecord]) -> None:
        """Overwrite by (certificate, name, type, token)."""
        ...

    async def list(self, *certificate_ids: str) -> Sequence[LookRecord]:
        """List the last looks of these certificates."""
        ...

    async def clear(self, certificate_id: str) -> None:
        """Forget them, when an application closes."""
        ...


class TokenTable(Protocol):
    """One challenge token per account and name, kept for renewals (DESIGN 4.9)."""

    async def keep(self, account_id: str, tokens: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the proposed token of each name that has none; return the kept ones."""
        ...


class Transaction(Protocol):
    """All tables within one transaction."""

    certificates: CertificateTable
    claims: ClaimTable
    drafts: DraftTable
    issuances: IssuanceTable
    secrets: SecretTable
    accounts: AccountTable
    ledger: LedgerTable
    looks: LookTable
    tokens: TokenTable
    authorities: AuthorityTable
    acme: AcmeTable
    idempotency: IdempotencyTable
    audit: AuditTable
    targets: TargetTable
    deployments: DeploymentTable
    leases: LeaseTable
    zones: ZoneTable
    delegations: DelegationTable
    published: PublishedTable
    renewals: RenewalTable
    contests: ContestTable
    overview: OverviewTable
    budget: BudgetTable


class Storage(Protocol):
    """The database; safe to share between tasks of one process, and between processes."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction for writing; commits at the end, rolls back when the block raises.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE, busy timeout 5 s), so it never fails half way.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction for reading a consistent view; writes in it are an error."""
        ...

    async def ping(self) -> None:
        """Return when the database answers and its schema is the newest; raises Outage with a sentence otherwise."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
