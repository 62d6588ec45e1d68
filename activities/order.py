"""Makes the key, places the order at the issuer, and drops what is not wanted any more."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from temporalio import activity

from activities.attempt import issuer_name, known, order_of, refused
from activities.budget import reserve
from activities.contest import own_challenges, want
from activities.proof import Proofs, looking
from activities.stray import revoke_stray
from activities.work import Done, Work, act_once, started_at
from certloom.domain.application import Application, Challenge
from certloom.domain.certificate import Phase
from certloom.domain.errors import IssuerRefused, Later
from certloom.domain.evolve import evolve
from certloom.domain.fact import Discarded, Fact, Prepared
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind
from certloom.issuers.interface import Issuer, OrderRequest
from certloom.keys.interface import Credentials, KeyMaker, Sealer
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import Draft
from certloom.validation.interface import Validator

CAA_PAUSE: Final = timedelta(seconds=5)  # until CAA is looked at again; then twice as long each time
CAA_SLOWEST: Final = timedelta(minutes=30)
CAA_SHOWN: Final = 3  # sentences; the rest are alike


class OrderActivities:
    """`issuers` are the CAs by the name that products use; `proofs` looks where nobody but us has to publish."""

    def __init__(
        self,
        *,
        storage: Storage,
        issuers: Mapping[str, Issuer],
        sealer: Sealer,
        key_maker: KeyMaker,
        credentials: Credentials,
        validator: Validator,
        proofs: Proofs,
    ) -> None:
        self._proofs = proofs
        self._storage = storage
        self._issuers = issuers
        self._validator = validator
        self._sealer = sealer
        self._key_maker = key_maker
        self._credentials = credentials

    @activity.defn(name="prepare")
    async def prepare(self, work: Work) -> Done:
        """Make the key durable, then place the order: Prepared, or the issuer's refusal.

        At somebody else's CA no order is placed, and none of its limits used, before CAA permits it and it is our turn;
        until then it raises Later with the reason. Where nobody but us has to publish anything, it looks for the proof.
        """
        now = started_at()
        state = work.state
        order, _ = order_of(state)
        key = state.order_key(order.attempt)
        kept: list[_Kept] = []

        async def before(tx: Transaction) -> None:
            kept.append(await _read(tx, state))

        async def effect() -> Fact:
            try:
                return await self._place(state, kept[0], now)
            except IssuerRefused as refusal:
                return refused(state, refusal, now)

        async def beside(tx: Transaction, fact: Fact) -> None:
            if isinstance(fact, Prepared):
                await tx.budget.use(key)
            else:
                await tx.budget.give_back(key, now=now)

        done = await act_once(self._storage, work, key=key, now=now, effect=effect, before=before, beside=beside)
        after = evolve(state, done.fact)
        proven = after.phase is Phase.PROVING and await self._proofs.look_at_once(looking(after), now=now)
        return Done(fact=done.fact, proven_at=now if proven else None)

    @activity.defn(name="discard")
    async def discard(self, work: Work) -> Done:
        """Abandon the oldest order that is not wanted any more, and destroy its private key."""
        now = started_at()
        state = work.state
        order = state.discard[0]
        unissued = order.order_ref is None

        async def effect() -> Fact:
            nonlocal unissued
            if order.order_ref:
                issuer = self._issuer(state)
                unissued = await issuer.abandon(order.order_ref, now=now)
                if not unissued:
                    await revoke_stray(issuer, state, order, now)
            return Discarded(at=now, attempt=order.attempt)

        async def beside(tx: Transaction, _: Fact) -> None:
            await tx.budget.forget(state.order_key(order.attempt))
            if unissued:
                await tx.budget.unissued(state.order_key(order.attempt), now=now)
            await tx.secrets.destroy(state.key_ref(order.attempt))
            await tx.looks.clear(state.certificate_id)
            await tx.published.release(state.certificate_id, now, attempt=order.attempt)

        key = state.claim(f"discard/{order.attempt}")
        return await act_once(self._storage, work, key=key, now=now, effect=effect, beside=beside)

    def _issuer(self, state: CertificateState) -> Issuer:
        return known(self._issuers, issuer_name(state))

    async def _place(self, state: CertificateState, kept: "_Kept", now: datetime) -> Prepared:
        """Place the order, when CAA permits it and it is our turn."""
        issuer = self._issuer(state)
        if issuer.outside:
            await self._permitted(state, issuer, now)
        request, own = await self._ready(state, kept, issuer, now)
        opened = await issuer.begin(request, now=now)
        return Prepared(at=now, **{**dict(opened), "challenges": (*opened.challenges, *own)})

    async def _permitted(self, state: CertificateState, issuer: Issuer, now: datetime) -> None:
        """Raise Later while CAA forbids this issuer: the CA would refuse, and count the order."""
        _, application = order_of(state)
        identities = await issuer.caa_identities(now=now)
        if not identities:  # the CA does not say how it is named, and looks itself
            return
        verdicts = await self._validator.check_caa(
            application.names,
            method=application.validation,
            identities=identities,
            account=await issuer.account_uri(now=now),
        )
        forbidden = [one.detail or f"CAA of {one.name} forbids it." for one in verdicts if not one.permitted]
        if forbidden:
            times = state.delay.count if state.delay and state.delay.step is StepKind.PREPARE else 0
            pause = min(CAA_PAUSE * 2 ** min(times, 10), CAA_SLOWEST)
            raise Later(" ".join(forbidden[:CAA_SHOWN]), until=now + pause)

    async def _ready(
        self, state: CertificateState, kept: "_Kept", issuer: Issuer, now: datetime
    ) -> tuple[OrderRequest, tuple[Challenge, ...]]:
        """Write down what must be known before the issuer hears of the order.

        That is: the private key, who wants which names, and the order's share of the issuer's limits. Returns what the
        issuer is asked for, and what is to be published besides what it wants. Raises Later.
        """
        order, application = order_of(state)
        sealed = kept.sealed if order.csr_ref or kept.sealed else await self._new_key(state, order)
        short, own = None, tuple[Challenge, ...]()
        if sealed is not kept.sealed or issuer.outside or issuer.limits.items:
            async with self._storage.begin() as tx:
                if sealed is not None and sealed is not kept.sealed:
                    sealed = await _put_key(tx, state, order, sealed)
                if issuer.outside:
                    own = await _wanted(tx, state, application, now)
                short = await reserve(tx, state, issuer=issuer_name(state), limits=issuer.limits, now=now)
        if short is not None:
            raise short
        return self._request(state, kept, sealed), own

    async def _new_key(self, state: CertificateState, order: Order) -> bytes:
        private_key = await asyncio.to_thread(self._key_maker.make, order.key_type)
        return self._sealer.seal(private_key, identity=state.key_ref(order.attempt))

    def _request(self, state: CertificateState, kept: "_Kept", sealed: bytes | None) -> OrderRequest:
        order, application = order_of(state)
        if state.product is None:
            raise ValueError("only purchases are ordered")
        own = self._sealer.unseal(sealed, identity=state.key_ref(order.attempt)) if sealed else b""
        csr_pem = self._key_maker.signing_request(own, application.names) if own else kept.csr_pem
        if csr_pem is None:
            raise ValueError("the customer's signing request is not stored")
        return OrderRequest(
            key=state.order_key(order.attempt),
            account_id=state.account_id,
            names=application.names,
            level=state.product.level,
            validation=application.validation,
            key_type=order.key_type,
            spki=self._key_maker.public_key(own) if own else self._credentials.csr_public_key(csr_pem),
            csr_pem=csr_pem,
            organization=kept.form.organization if kept.form else None,
            replaces=kept.replaced_pem,
        )


class _Kept(NamedTuple):
    """What is stored for an order: its form, the customer's CSR or our sealed key, and the leaf that it follows."""

    form: Draft | None
    csr_pem: str | None
    sealed: bytes | None
    replaced_pem: str | None


async def _read(tx: Transaction, state: CertificateState) -> _Kept:
    """Read all that the request to the issuer is made of."""
    order, application = order_of(state)
    again = order.purpose is not OrderPurpose.FIRST and state.issuance is not None
    form = await tx.drafts.get(application.id)
    asked = await tx.drafts.get(order.csr_ref) if order.csr_ref else None
    sealed = None if order.csr_ref else await tx.secrets.get(state.key_ref(order.attempt))
    leaf = await tx.issuances.get(state.certificate_id, state.issuance.number) if again and state.issuance else None
    return _Kept(form, asked.csr_pem if asked else None, sealed, leaf.leaf_pem if leaf else None)


async def _wanted(
    tx: Transaction, state: CertificateState, application: Application, now: datetime
) -> tuple[Challenge, ...]:
    """Note who wants these names at an issuer from outside; return what has to be proven to us because of others."""
    issuer, account_id, names = issuer_name(state), state.account_id, application.names
    await want(tx, issuer, account_id, names, now=now)
    return await own_challenges(tx, issuer, account_id, names, application.validation, now=now)


async def _put_key(tx: Transaction, state: CertificateState, order: Order, sealed: bytes) -> bytes:
    """Keep the attempt's private key unless there is one; return the one that stands."""
    ref = state.key_ref(order.attempt)
    if await tx.secrets.put(ref, owner=state.certificate_id, sealed=sealed):
        return sealed
    return await tx.secrets.get(ref) or sealed
