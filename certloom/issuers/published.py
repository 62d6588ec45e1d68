"""What the embedded CA publishes, read from storage alone: the API serves it and never holds a CA key."""

from certloom.storage.interface import Storage


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
