"""Makes the key, places the order at the issuer, and drops what is not wanted any more."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from temporalio import activity

from activities.work import Done, Work, act_once, started_at
from certloom.domain.application import Application
from certloom.domain.errors import IssuerRefused
from certloom.domain.fact import ApplicationRefused, Discarded, Fact, Prepared, RenewalFailed
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.state import CertificateState
from certloom.domain.validity import DAY
from certloom.issuers.interface import Issuer, OrderRequest
from certloom.keys.interface import Credentials, KeyMaker, Sealer
from certloom.storage.interface import Storage, Transaction


def refused(state: CertificateState, refusal: IssuerRefused, now: datetime) -> Fact:
    """Say what an issuer's no means: the end of an application, or a renewal that is tried again in a day."""
    if state.order and state.order.purpose is OrderPurpose.FIRST:
        return ApplicationRefused(at=now, reason=refusal.reason, detail=refusal.detail)
    renewing = state.order is not None and state.order.purpose is OrderPurpose.RENEWAL
    return RenewalFailed(at=now, detail=refusal.detail, retry_at=now + DAY if renewing else None)


def order_of(state: CertificateState) -> tuple[Order, Application]:
    """Return the attempt under way and the application it is for."""
    if state.order is None or state.application is None:
        raise ValueError("no order is under way")
    return state.order, state.application


class OrderActivities:
    """`issuers` are the CAs by the name that products use."""

    def __init__(
        self,
        *,
        storage: Storage,
        issuers: Mapping[str, Issuer],
        sealer: Sealer,
        key_maker: KeyMaker,
        credentials: Credentials,
    ) -> None:
        self._storage = storage
        self._issuers = issuers
        self._sealer = sealer
        self._key_maker = key_maker
        self._credentials = credentials

    @activity.defn(name="prepare")
    async def prepare(self, work: Work) -> Done:
        """Make the key durable, then place the order: Prepared, or the issuer's refusal."""
        now = started_at()
        state = work.state
        order, application = order_of(state)

        async def effect() -> Fact:
            request = await self._request(state, order, application)
            try:
                opened = await self._issuer(state).begin(request, now=now)
            except IssuerRefused as refusal:
                return refused(state, refusal, now)
            return Prepared(at=now, order_ref=opened.order_ref, challenges=opened.challenges)

        return await act_once(self._storage, work, key=state.order_key(order.attempt), now=now, effect=effect)

    @activity.defn(name="discard")
    async def discard(self, work: Work) -> Done:
        """Abandon the oldest order that is not wanted any more, and destroy its private key."""
        now = started_at()
        state = work.state
        order = state.discard[0]

        async def effect() -> Fact:
            if order.order_ref:
                await self._issuer(state).abandon(order.order_ref, now=now)
            return Discarded(at=now, attempt=order.attempt)

        async def beside(tx: Transaction, _: Fact) -> None:
            await tx.secrets.destroy(state.key_ref(order.attempt))
            await tx.looks.clear(state.certificate_id)

        key = state.claim(f"discard/{order.attempt}")
        return await act_once(self._storage, work, key=key, now=now, effect=effect, beside=beside)

    def _issuer(self, state: CertificateState) -> Issuer:
        if state.product is None:
            raise ValueError("an uploaded certificate has no issuer of ours")
        return self._issuers[state.product.issuer]

    async def _request(self, state: CertificateState, order: Order, application: Application) -> OrderRequest:
        async with self._storage.read() as tx:
            form = await tx.drafts.get(application.id)
            asked = await tx.drafts.get(order.csr_ref) if order.csr_ref else None
        csr_pem = asked.csr_pem if asked else None
        if order.csr_ref and csr_pem is None:
            raise ValueError("the customer's signing request is not stored")
        if state.product is None:
            raise ValueError("only purchases are ordered")
        return OrderRequest(
            key=state.order_key(order.attempt),
            account_id=state.account_id,
            names=application.names,
            level=state.product.level,
            validation=application.validation,
            key_type=order.key_type,
            spki=self._credentials.csr_public_key(csr_pem) if csr_pem else await self._own_key(state, order),
            csr_pem=csr_pem,
            organization=form.organization if form else None,
        )

    async def _own_key(self, state: CertificateState, order: Order) -> bytes:
        """Return the public key of the attempt's private key, which is stored before anybody hears of it."""
        ref = state.key_ref(order.attempt)
        async with self._storage.read() as tx:
            sealed = await tx.secrets.get(ref)
        if sealed is None:
            private_key = await asyncio.to_thread(self._key_maker.make, order.key_type)
            sealed = self._sealer.seal(private_key, identity=ref)
            async with self._storage.begin() as tx:
                if not await tx.secrets.put(ref, owner=state.certificate_id, sealed=sealed):
                    sealed = await tx.secrets.get(ref) or sealed
        return self._key_maker.public_key(self._sealer.unseal(sealed, identity=ref))
