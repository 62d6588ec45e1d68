"""Builders of what is stored, and short ways to store it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from certloom.domain.certificate import CertificateStatus, Origin
from certloom.domain.issuance import Issuance
from certloom.domain.key import KeyFamily, KeyType
from certloom.domain.state import CertificateState
from certloom.storage.engine import SqlStorage
from certloom.storage.records import Account, Authority, AuthorityOrder, Posting, PostingLine

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def certificate(
    certificate_id: str = "cert_1",
    *,
    account_id: str = "acct_1",
    status: CertificateStatus = CertificateStatus.ISSUED,
    names: tuple[str, ...] = ("www.example.com",),
    label: str | None = None,
    origin: Origin = Origin.UPLOADED,
    version: int = 1,
    created_at: datetime = NOW,
    not_after: datetime | None = None,
) -> CertificateState:
    return CertificateState(
        certificate_id=certificate_id,
        account_id=account_id,
        origin=origin,
        created_at=created_at,
        updated_at=created_at,
        label=label,
        version=version,
        status=status,
        uploaded_names=names,
        issuances=(issuance(not_after),) if not_after else (),
    )


def issuance(not_after: datetime, *, number: int = 1) -> Issuance:
    return Issuance(
        number=number,
        serial=f"{number:x}",
        fingerprint_sha256="ab" * 32,
        issuer="private",
        key_type=KeyType.ECDSA_P256,
        not_before=NOW,
        not_after=not_after,
        issued_at=NOW,
    )


def account(account_id: str = "acct_1", *, currency: str = "EUR", created_at: datetime = NOW) -> Account:
    return Account(id=account_id, name=f"The {account_id}", currency=currency, created_at=created_at)


def posting(
    key: str, amount: int, *, account_id: str = "acct_1", ours: str = "sales", currency: str = "EUR"
) -> Posting:
    """Book *amount* on the customer's account, against one of ours."""
    lines = (
        PostingLine(account=account_id, amount=amount),
        PostingLine(account=f"{ours}:{currency}", amount=-amount),
    )
    return Posting(key=key, at=NOW, kind="test", reference=f"for {key}", currency=currency, lines=lines)


def authority(authority_id: str = "ecdsa") -> Authority:
    return Authority(id=authority_id, certificate=b"der", sealed_key=b"sealed")


def order(key: str, *, ref: str) -> AuthorityOrder:
    return AuthorityOrder(
        order_ref=ref,
        key=key,
        account_id="acct_1",
        names=("www.example.com",),
        level="DV",
        key_type=KeyType.ECDSA_P256,
        family=KeyFamily.ECDSA,
        spki=b"spki",
        created_at=NOW,
    )


async def keep(storage: SqlStorage, *states: CertificateState) -> None:
    async with storage.begin() as tx:
        for state in states:
            await tx.certificates.write(state, [])


async def open_account(storage: SqlStorage, account_id: str = "acct_1", *, deposit: int = 0) -> None:
    async with storage.begin() as tx:
        await tx.accounts.add(account(account_id))
        if deposit:
            await tx.ledger.post(posting(f"opening {account_id}", deposit, account_id=account_id, ours="deposits"))


def ids(states: Sequence[CertificateState]) -> list[str]:
    return [state.certificate_id for state in states]
