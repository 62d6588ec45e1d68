"""Our account at an ACME CA (RFC 8555 section 7.3): its key is durable before the CA hears of it.

One account per issuer and directory, for all customers. An account that the CA lost is made again with the same key.
"""

import asyncio
from datetime import datetime
from typing import Any, Final

from acme.messages import Directory as PackageDirectory
from acme.messages import ExternalAccountBinding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from josepy.b64 import b64encode

from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_config import AcmeConfig
from certloom.issuers.acme_network import Signer, signer_of
from certloom.issuers.acme_problems import WORDS, ProblemRefused
from certloom.issuers.acme_replies import Directory
from certloom.issuers.signing import account_identity
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeAccount

LOST: Final = frozenset({"accountDoesNotExist"})


class AcmeAccounts:
    """Finds or makes the account of one configuration; its key is opened once per process."""

    def __init__(self, storage: Storage, sealer: Sealer, config: AcmeConfig, client: AcmeClient) -> None:
        self._storage = storage
        self._sealer = sealer
        self._config = config
        self._client = client
        self._making = asyncio.Lock()
        self._signer: Signer | None = None

    async def signer(self, *, now: datetime) -> Signer:
        """Return who signs as our account, which is made if it has to be. Raises Outage and IssuerRefused."""
        if self._signer:
            return self._signer
        async with self._making:
            if self._signer is None:
                self._signer = await self._found_or_made(now)
            return self._signer

    async def standing(self) -> Signer | None:
        """Return who signs as our account if there is one already; nobody is asked."""
        if self._signer:
            return self._signer
        async with self._storage.read() as tx:
            row = await tx.acme.account(self._config.name, self._config.directory)
        return await self._opened(row) if row and row.url else None

    async def forget(self, lost: Signer) -> None:
        """Note that the CA does not know the account any more; the next `signer` makes it anew."""
        async with self._storage.begin() as tx:
            await tx.acme.set_account_url(*self._place, old=lost.account_url, new=None)
        if self._signer == lost:
            self._signer = None

    @property
    def _place(self) -> tuple[str, str]:
        return self._config.name, self._config.directory

    async def _found_or_made(self, now: datetime) -> Signer:
        async with self._storage.read() as tx:
            row = await tx.acme.account(*self._place)
        if row is None:
            row = await self._keep_key(now)
        if row.url is None:
            directory = await self._client.directory(now=now)
            self._refuse_unready(directory)
            url = await self._register(await self._opened(row), directory, now)
            async with self._storage.begin() as tx:
                await tx.acme.set_account_url(*self._place, old=None, new=url)
            row = row.model_copy(update={"url": url})
        return await self._opened(row)

    async def _keep_key(self, now: datetime) -> AcmeAccount:
        key = ec.generate_private_key(ec.SECP256R1())
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = self._sealer.seal(der, identity=account_identity(*self._place))
        name, directory = self._place
        account = AcmeAccount(issuer=name, directory=directory, sealed_key=sealed, created_at=now)
        async with self._storage.begin() as tx:
            return await tx.acme.keep_account(account)

    async def _opened(self, row: AcmeAccount) -> Signer:
        der = self._sealer.unseal(row.sealed_key, identity=account_identity(row.issuer, row.directory))
        return signer_of(load_der_private_key(der, password=None), row.url)

    def _refuse_unready(self, directory: Directory) -> None:
        """Say what an operator has to do, before the CA does."""
        wanted = "externalAccountRequired" if directory.meta.binding_required and not self._config.eab_key else None
        if directory.meta.terms and not self._config.terms_agreed:
            wanted = "userActionRequired"
        if wanted:
            raise IssuerRefused(f"{WORDS[wanted].means}. {WORDS[wanted].help}", reason=wanted)

    async def _register(self, signer: Signer, directory: Directory, now: datetime) -> str:
        """Return the account's URL; a key that the CA knows already finds its account."""
        body: dict[str, Any] = {"contact": list(self._config.contact)} if self._config.contact else {}
        if directory.meta.terms:
            body["termsOfServiceAgreed"] = True
        if self._config.eab_key and self._config.eab_key_id:
            body["externalAccountBinding"] = binding(
                signer, self._config.eab_key_id, self._config.eab_key.get_secret_value(), directory.new_account
            )
        try:
            reply = await self._client.post(directory.new_account, body, signer, now=now)
            location = reply.location
        except ProblemRefused as refused:
            location = refused.location if refused.status == 409 else None
            if location is None:
                raise
        if location is None:
            raise Outage("The CA made an account and did not say where it is.")
        self._client.transport.host_of(location)
        return location


def binding(signer: Signer, key_id: str, key: bytes, new_account: str) -> dict[str, Any]:
    """Return the external account binding (RFC 8555 section 7.3.4) of the public key.

    The package serialises whatever key it is given, so it is given the public one.
    """
    directory = PackageDirectory({"newAccount": new_account})
    hmac = b64encode(key).decode("ascii")
    return ExternalAccountBinding.from_data(signer.jwk.public_key(), key_id, hmac, directory)
