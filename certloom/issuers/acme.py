"""Any RFC 8555 CA as an Issuer: every call looks at what the CA has before it acts, and no call waits.

Killed between any two exchanges, the next call goes on: key, row and URLs are stored before they are needed, and the
order is read before it is finalized, because finalizing twice is an error.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.acme_account import AcmeAccounts
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_config import AcmeConfig
from certloom.issuers.acme_leaf import check_request, signed_leaf
from certloom.issuers.acme_orders import AcmeOrders
from certloom.issuers.acme_progress import AcmeProgress, refuse_abandoned
from certloom.issuers.acme_proofs import RECORD_LABEL
from certloom.issuers.acme_renewal import certificate_id, read_window
from certloom.issuers.acme_revocation import AcmeRevocations
from certloom.issuers.challenges import refuse_unprovable
from certloom.issuers.interface import LeafToRevoke, OrderOpened, OrderRequest, Pending, RenewalWindow, SignedLeaf
from certloom.keys.interface import Sealer
from certloom.net.interface import Dialer
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeOrder

CALL_SECONDS: Final = 30.0
REFERENCE_BYTES: Final = 12


class AcmeIssuer:
    """The Issuer of one configured CA.

    `not_after` is a wish that public CAs do not know, and comes after the order was placed; it is not sent. Pending
    authorisations of an abandoned order are not deactivated: a CA shares them between the orders of an account, and
    another order of ours may need them.
    """

    outside = True

    def __init__(self, storage: Storage, sealer: Sealer, config: AcmeConfig, dialer: Dialer) -> None:
        self.limits = config.limits
        self._storage = storage
        self._config = config
        self._client = AcmeClient(config, dialer)
        self._accounts = AcmeAccounts(storage, sealer, config, self._client)
        orders = AcmeOrders(storage, self._client, self._accounts)
        self._progress = AcmeProgress(storage, self._client, self._accounts, orders)
        self._revocations = AcmeRevocations(config.name, self._client, self._accounts)
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def caa_identities(self, *, now: datetime) -> Sequence[str]:
        """Return the configured ones, or those that the CA's directory names."""
        if self._config.caa_identities:
            return self._config.caa_identities
        async with self._call():
            return (await self._client.directory(now=now)).meta.caa_identities

    async def account_uri(self, *, now: datetime) -> str | None:
        """Return the account's URL, by which CAs know it (RFC 8657 section 3)."""
        async with self._call():
            return (await self._accounts.signer(now=now)).account_url

    async def begin(self, request: OrderRequest, *, now: datetime) -> OrderOpened:
        """Keep the order, place it, and keep what has to be published."""
        refuse_unprovable(request.names, request.validation, label=RECORD_LABEL)
        wanted = self._new_order(request, now)
        check_request(wanted)
        async with self._call(), self._alone(request.key):
            async with self._storage.begin() as tx:
                order, fresh = await tx.acme.add_order(wanted)
            _refuse_other(order, wanted)
            if order.challenges is None:
                refuse_abandoned(order)
                await self._refuse_unoffered(order, now)
                order = await self._progress.open(order, fresh=fresh, now=now)
        return OrderOpened(
            order_ref=order.order_ref,
            challenges=order.challenges or (),
            proofs_stand=False,
            expires_at=order.expires_at,
        )

    async def advance(
        self,
        order_ref: str,
        *,
        now: datetime,
        not_after: datetime,  # noqa: ARG002 - see the class
    ) -> Pending | SignedLeaf:
        """Look at the order, do what can be done now, and return the leaf if it is there."""
        async with self._call(), self._alone(order_ref):
            order = await self._found(order_ref)
            if order.leaf_pem is None:
                refuse_abandoned(order)
                went = await self._progress.go_on(order, now=now)
                if isinstance(went, Pending):
                    return went
                order = went
            return signed_leaf(order, order.leaf_pem or "", order.chain_pem or "")

    async def abandon(self, order_ref: str, *, now: datetime) -> bool:
        """Close the order; one that may have a leaf already stays as it is."""
        async with self._storage.begin() as tx:
            return await tx.acme.abandon_order(order_ref, now)

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Revoke by our account, or by the leaf's own key when the CA lost the account."""
        async with self._call():
            await self._revocations.revoke(leaf, now=now)

    async def suggest_renewal(self, leaf_pem: str, *, now: datetime) -> RenewalWindow | None:
        """Ask for the window of RFC 9773, if the CA offers it and the leaf can be named in it."""
        wanted = certificate_id(leaf_pem)
        async with self._call():
            address = (await self._client.directory(now=now)).renewal_info
            if wanted is None or address is None:
                return None
            return read_window(await self._client.get(f"{address.rstrip('/')}/{wanted}", now=now), now=now)

    def close(self) -> None:
        """Close connections and threads; calls under way end as outages."""
        self._client.close()

    def _new_order(self, request: OrderRequest, now: datetime) -> AcmeOrder:
        return AcmeOrder(
            order_ref=f"order_{secrets.token_hex(REFERENCE_BYTES)}",
            issuer=self._config.name,
            key=request.key,
            account_id=request.account_id,
            names=request.names,
            validation=request.validation,
            key_type=request.key_type,
            spki=request.spki,
            csr_pem=request.csr_pem,
            profile=self._config.profile,
            replaces=certificate_id(request.replaces) if request.replaces else None,
            created_at=now,
        )

    async def _found(self, order_ref: str) -> AcmeOrder:
        async with self._storage.read() as tx:
            order = await tx.acme.get_order(order_ref)
        if order is None or order.issuer != self._config.name:
            raise IssuerRefused(f"The issuer {self._config.name} has no order {order_ref}.", reason="unknown_order")
        return order

    async def _refuse_unoffered(self, order: AcmeOrder, now: datetime) -> None:
        """Raise IssuerRefused for a profile that the CA does not name: it must not be asked for then."""
        offered = (await self._client.directory(now=now)).meta.profiles or {}
        if order.profile and order.profile not in offered:
            told = ", ".join(sorted(offered)) or "none"
            detail = f"The CA does not offer the profile {order.profile} (it offers {told}); an operator corrects it."
            raise IssuerRefused(detail, reason="invalidProfile")

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                yield
        except TimeoutError:
            raise Outage(f"The issuer {self._config.name} took longer than {CALL_SECONDS:g} s.") from None

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Let one call at a time work on an order in this process; between processes the rows decide."""
        lock = self._busy.setdefault(key, asyncio.Lock())
        async with lock:
            yield


def _refuse_other(kept: AcmeOrder, wanted: AcmeOrder) -> None:
    """Raise IssuerRefused when the idempotency key was used for another order: its key must never be signed instead."""
    same = {"issuer", "names", "validation", "key_type", "spki", "account_id"}
    if kept.model_dump(include=same) != wanted.model_dump(include=same):
        detail = f"The order {wanted.key} was placed before with other names, method or key, or at another issuer."
        raise IssuerRefused(detail, reason="order_mismatch")
