"""Gets the leaf signed, once, and stores it together with the row that says so."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.attempt import CONTESTED, known, order_of, refused
from activities.contest import lacking
from activities.work import Done, Work, act_once, started_at
from certloom.domain.errors import IssuerRefused, Unfinished
from certloom.domain.evolve import evolve
from certloom.domain.fact import Fact, Issued
from certloom.domain.issuance import Issuance
from certloom.domain.product import Product
from certloom.domain.state import CertificateState
from certloom.domain.validity import not_after
from certloom.issuers.interface import Issuer, Pending, SignedLeaf
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import IssuanceRecord, RenewalRecord
from certloom.validation.interface import Validator

FAILED_VALIDATIONS: Final = frozenset(
    {"caa", "connection", "dns", "incorrectResponse", "rejectedIdentifier", "tls", "unauthorized", "validation_failed"}
)
CAA_GOOD_FOR: Final = timedelta(hours=8)  # BR 3.2.2.8: issue within the TTL or 8 h of the check


class IssuanceActivities:
    """`issuers` are the CAs by the name that products use."""

    def __init__(self, *, storage: Storage, issuers: Mapping[str, Issuer], validator: Validator) -> None:
        self._storage = storage
        self._issuers = issuers
        self._validator = validator

    @activity.defn(name="issue")
    async def issue(self, work: Work) -> Done:
        """Take the order on until it is signed: Issued, or the issuer's refusal; Unfinished while it is pending."""
        now = started_at()
        state = work.state
        order, _ = order_of(state)
        contested = False
        signed: list[SignedLeaf] = []

        async def before(tx: Transaction) -> None:
            nonlocal contested
            contested = await self._is_contested(tx, state, now)

        async def effect() -> Fact:
            try:
                leaf = await self._sign(state, now, contested=contested)
            except IssuerRefused as refusal:
                await self._count_failure(state, refusal, now)
                return refused(state, refusal, now)
            signed.append(leaf)
            return Issued(at=now, issuance=_issuance(leaf, order.attempt, now), plan_days=_product(state).plan_days)

        async def beside(tx: Transaction, fact: Fact) -> None:
            if isinstance(fact, Issued) and signed:
                await tx.issuances.add(_record(state, signed[0], fact.issuance))
                await tx.published.release(state.certificate_id, now)
                if known(self._issuers, _product(state).issuer).outside:
                    await tx.renewals.put(_to_ask(state, fact))
                older = {one.number: one.state for one in evolve(state, fact).issuances}
                older.pop(fact.issuance.number)  # it was added just now
                await tx.issuances.mark(state.certificate_id, older)

        key = state.claim(f"issuance/{order.attempt}")
        return await act_once(self._storage, work, key=key, now=now, effect=effect, before=before, beside=beside)

    async def _sign(self, state: CertificateState, now: datetime, *, contested: bool) -> SignedLeaf:
        order, application = order_of(state)
        product = _product(state)
        stale = application.proven_at is None or now - application.proven_at > CAA_GOOD_FOR
        if stale and not known(self._issuers, product.issuer).outside:  # somebody else's CA looks itself
            await self._check_caa(state, now)
        if order.order_ref is None:
            raise ValueError("the order was not placed")
        if contested:
            detail = "Somebody else ordered one of these names meanwhile; it has to be proven again."
            raise IssuerRefused(detail, reason=CONTESTED)
        plan_end = state.plan.ends_at if state.plan else now + product.plan_length
        answer = await known(self._issuers, product.issuer).advance(
            order.order_ref, now=now, not_after=not_after(now, plan_end)
        )
        if isinstance(answer, Pending):
            raise Unfinished("The issuer is still at work.", retry_after=answer.retry_after)
        return answer

    async def _is_contested(self, tx: Transaction, state: CertificateState, now: datetime) -> bool:
        """Ask before the CA is told to look: it would believe what another account of ours has published.

        Once it was told, what another account orders takes nothing away any more, least of all what is signed by now.
        """
        issuer = _product(state).issuer
        if not known(self._issuers, issuer).outside:
            return False
        order, application = order_of(state)
        placed = await tx.acme.get_order(order.order_ref) if order.order_ref else None
        if placed is not None and (placed.answered or placed.finalizing_at):
            return False
        return await lacking(tx, issuer, state.account_id, application.names, application.challenges, now=now)

    async def _count_failure(self, state: CertificateState, refusal: IssuerRefused, now: datetime) -> None:
        """Remember for each name a failed validation, which the CA counts too: it allows few in an hour."""
        issuer = _product(state).issuer
        limits = known(self._issuers, issuer).limits
        if not limits.items or refusal.reason not in FAILED_VALIDATIONS:
            return
        order, application = order_of(state)
        async with self._storage.begin() as tx:
            key = state.order_key(order.attempt)
            await tx.budget.fail(key, refusal.names or application.names, issuer=issuer, limits=limits, at=now)

    async def _check_caa(self, state: CertificateState, now: datetime) -> None:
        _, application = order_of(state)
        verdicts = await self._validator.check_caa(
            application.names,
            method=application.validation,
            identities=await known(self._issuers, _product(state).issuer).caa_identities(now=now),
        )
        for verdict in verdicts:
            if not verdict.permitted:
                raise IssuerRefused(verdict.detail or f"CAA of {verdict.name} forbids it.", reason="caa")


def _product(state: CertificateState) -> Product:
    if state.product is None:
        raise ValueError("only purchases are issued")
    return state.product


def _issuance(leaf: SignedLeaf, number: int, now: datetime) -> Issuance:
    return Issuance(
        number=number,
        serial=leaf.serial,
        fingerprint_sha256=leaf.fingerprint_sha256,
        issuer=leaf.issuer,
        key_type=leaf.key_type,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        issued_at=now,
    )


def _to_ask(state: CertificateState, fact: Issued) -> RenewalRecord:
    """The issuer is asked about the new leaf as soon as the watch comes round."""
    issuer = _product(state).issuer
    return RenewalRecord(
        certificate_id=state.certificate_id, number=fact.issuance.number, issuer=issuer, ask_at=fact.at
    )


def _record(state: CertificateState, leaf: SignedLeaf, issuance: Issuance) -> IssuanceRecord:
    order, application = order_of(state)
    return IssuanceRecord(
        certificate_id=state.certificate_id,
        issuance=issuance,
        application_id=application.id,
        attempt=order.attempt,
        names=application.names,
        leaf_pem=leaf.leaf_pem,
        chain_pem=leaf.chain_pem,
        spki_sha256=leaf.spki_sha256,
        key_ref=None if order.csr_ref else state.key_ref(order.attempt),
    )
