"""What the embedded CA publishes, read from storage alone: the API serves it and never holds a CA key."""

from collections.abc import Sequence

from cryptography import x509

from certloom.issuers.interface import PublishedAuthority
from certloom.storage.interface import Storage
from certloom.storage.records import Authority


class StoredFiles:
    """PublishedFiles over the authorities' rows."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def certificate(self, authority_id: str) -> bytes | None:
        """Return an authority's certificate as DER, or None when there is no such authority."""
        async with self._storage.read() as tx:
            authority = await tx.authorities.get(authority_id)
        return authority.certificate if authority else None

    async def crl(self, authority_id: str) -> bytes | None:
        """Return an authority's newest CRL as DER, or None when there is no such authority."""
        async with self._storage.read() as tx:
            authority = await tx.authorities.get(authority_id)
        return authority.crl if authority else None

    async def authorities(self) -> Sequence[PublishedAuthority]:
        """List all authorities by id."""
        async with self._storage.read() as tx:
            found = await tx.authorities.list()
        return [_shown(authority) for authority in found]


def _shown(authority: Authority) -> PublishedAuthority:
    certificate = x509.load_der_x509_certificate(authority.certificate)
    return PublishedAuthority(
        id=authority.id,
        subject=certificate.subject.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        crl_number=authority.crl_number,
        crl_this_update=authority.crl_this_update,
        crl_next_update=authority.crl_next_update,
    )
