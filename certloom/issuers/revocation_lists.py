"""Publishing CRLs: the next edition is signed and stored while the authority's row is locked (DESIGN 4.10).

Numbers therefore never repeat or fall, whoever revokes at the same time.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from certloom.issuers.crls import FLAGS, LAST_CALL, Edition, build_crl, edition, term_of
from certloom.issuers.signing import unseal_key
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import Authority, RevokedLeaf


async def add_to_crl(tx: Transaction, sealer: Sealer, leaf: RevokedLeaf, *, now: datetime) -> None:
    """Enter a leaf and publish a CRL that lists it; nothing new is signed when the newest one does already.

    To be called in a transaction for writing; the authority must exist.
    """
    authority = await tx.authorities.lock(leaf.authority_id)
    await tx.authorities.add_revoked(leaf)
    entries = await _entries(tx, authority, now=now)
    if any(entry.serial == leaf.serial and not _lists(authority.crl, entry) for entry in entries):
        await _publish(tx, sealer, authority, entries=entries, now=now)


async def refresh_crls(storage: Storage, sealer: Sealer, *, now: datetime) -> tuple[str, ...]:
    """Sign anew each CRL that grew old, and return whose; may be called at any time and by several at once."""
    async with storage.read() as tx:
        authorities = await tx.authorities.list()
    renewed = [item.id for item in authorities if _due(item, now) and await _refresh(storage, sealer, item.id, now=now)]
    return tuple(renewed)


async def _refresh(storage: Storage, sealer: Sealer, authority_id: str, *, now: datetime) -> bool:
    async with storage.begin() as tx:
        authority = await tx.authorities.lock(authority_id)
        if not _due(authority, now):  # another process was faster
            return False
        await _publish(tx, sealer, authority, entries=await _entries(tx, authority, now=now), now=now)
    return True


def _due(authority: Authority, now: datetime) -> bool:
    if authority.crl is None or authority.crl_this_update is None or authority.crl_next_update is None:
        return True
    old = authority.crl_this_update + term_of(authority.id).renew_after <= now
    return old or authority.crl_next_update - LAST_CALL <= now


async def _entries(tx: Transaction, authority: Authority, *, now: datetime) -> Sequence[RevokedLeaf]:
    # RFC 5280 3.3: an entry stays until one list was issued after the leaf's end.
    since = min(now, authority.crl_this_update or now)
    return await tx.authorities.revoked(authority.id, unexpired_at=since)


async def _publish(
    tx: Transaction, sealer: Sealer, authority: Authority, *, entries: Sequence[RevokedLeaf], now: datetime
) -> None:
    # Workers' clocks differ: a later edition never claims to be older.
    start = max(now, authority.crl_this_update or now)
    issue = edition(authority.id, number=authority.crl_number + 1, now=start)
    crl = await asyncio.to_thread(_sign, sealer, authority, issue, entries)
    await tx.authorities.set_crl(
        authority.id, number=issue.number, crl=crl, this_update=issue.this_update, next_update=issue.next_update
    )


def _sign(sealer: Sealer, authority: Authority, issue: Edition, entries: Sequence[RevokedLeaf]) -> bytes:
    certificate = x509.load_der_x509_certificate(authority.certificate)
    key = unseal_key(sealer, authority)
    return build_crl(authority.id, certificate, key, issue=issue, revoked=entries)


def _lists(crl: bytes | None, entry: RevokedLeaf) -> bool:
    if crl is None:
        return False
    listed = x509.load_der_x509_crl(crl).get_revoked_certificate_by_serial_number(int(entry.serial, 16))
    return listed is not None and _reason(listed) == FLAGS.get(entry.reason)


def _reason(listed: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return listed.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None
