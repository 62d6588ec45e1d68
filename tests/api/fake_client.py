"""A stand-in for the workflows: the domain's rules applied to the rows at once, with no Temporal.

What takes a workflow a while (challenges, proof, signing) happens when a test says so.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from activities.work import Work, record
from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.deployment import DeploymentReport
from certloom.domain.errors import NotAllowedNow, NotFound, OutcomeUnknown, PaymentRefused, TooSoon
from certloom.domain.evolve import evolve
from certloom.domain.issuance import Issuance
from certloom.domain.look import Tried
from certloom.domain.refund import RefundState
from certloom.domain.rights import CHECK_EVERY, check, quote
from certloom.domain.state import CertificateState
from certloom.keys.generation import KeyGeneration, load_private, private_der, spki_sha256
from certloom.keys.interface import Sealer
from certloom.payments.balance import BalancePayments
from certloom.payments.interface import PaymentRequest
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import IssuanceRecord, LookRecord
from tests.keys.authority import lower, sign
from workflows.decisions import facts_of

UNKNOWN = OutcomeUnknown("No answer came in time.")


class FakeClient:
    """Commands of api.services. `silent` swallows commands, `lost_answers` carries them out and says nothing."""

    def __init__(
        self, storage: Storage, payments: BalancePayments, sealer: Sealer, clock: Callable[[], datetime]
    ) -> None:
        self._storage = storage
        self._payments = payments
        self._sealer = sealer
        self._clock = clock
        self._answered: dict[str, c.Accepted] = {}
        self._checked: dict[str, datetime] = {}
        self.silent = False
        self.lost_answers = False
        self.slow = False  # accepted, and longer under way than a request waits
        self.broken: Exception | None = None
        self.gone: set[str] = set()  # certificates whose workflow is lost
        self.after_refusal: Callable[[], Awaitable[None]] | None = None  # what happens before the refusal is heard
        self.tried = Tried(findings=(), looks=())
        self.tries: list[tuple[str, str | None]] = []

    async def buy(self, state: CertificateState, pay: c.Pay) -> c.Accepted:
        self._go_wrong()
        row = await self._find(state.certificate_id) or state
        if row.payment is None:
            row = await self._happen(row, f.Ordered(at=self._clock(), actor=pay.actor, method=pay.method))
            row = await self._charge(row)
        if row.payment is None or row.payment.paid_at is None:
            raise PaymentRefused("The balance is too low. Nothing was charged.", code="insufficient_balance")
        return self._answer(row)

    async def admit(self, state: CertificateState, uploaded: f.Uploaded) -> None:
        self._go_wrong()
        if await self._find(state.certificate_id) is None:
            await self._happen(state, uploaded)

    async def send(self, certificate_id: str, command: c.Command) -> c.Accepted:
        self._go_wrong()
        state = await self._find(certificate_id)
        if state is None or state.closed or certificate_id in self.gone:
            raise NotFound("This certificate has no running workflow.")
        if known := self._answered.get(command.request_id):
            return known
        try:
            check(command, state, self._clock())
        except NotAllowedNow:
            if self.after_refusal:
                await self.after_refusal()
            raise
        state = await self._carry_out(state, command)
        self._answered[command.request_id] = c.Accepted(version=state.version)
        return self._answer(state)

    def asked_to_look(self, certificate_id: str) -> bool:
        """Whether a look was asked for."""
        return certificate_id in self._checked

    async def running(self, certificate_id: str) -> bool:
        if self.broken:
            raise self.broken
        return await self._find(certificate_id) is not None

    async def try_target(self, target_id: str, *, host: str | None, request_id: str) -> Tried:
        self._go_wrong()
        self.tries.append((target_id, host))
        return self.tried

    def name_of(self, subject_id: str) -> str:
        return f"deployment-{subject_id}" if subject_id.startswith("dep_") else f"certificate-{subject_id}"

    # What takes a while

    async def prepare(self, certificate_id: str) -> None:
        state = await self.row(certificate_id)
        names = state.application.names if state.application else ()
        kind = state.application.validation if state.application else ValidationMethod.DNS_01
        bases = dict.fromkeys(name.removeprefix("*.") for name in names)
        challenges = tuple(_challenge(base, kind) for base in bases)
        await self._happen(state, f.Prepared(at=self._clock(), order_ref="order_1", challenges=challenges))

    async def look(self, certificate_id: str, *, seen: str) -> None:
        now = self._clock()
        state = await self.row(certificate_id)
        assert state.application is not None
        looks = [
            LookRecord(
                certificate_id=certificate_id,
                name=one.name,
                type=one.type,
                token=one.token,
                at=now,
                proven=False,
                seen=seen,
                error="The record is another one.",
                next_look_at=now + timedelta(seconds=10),
            )
            for one in state.application.challenges
        ]
        async with self._storage.begin() as tx:
            await tx.looks.put(looks)

    async def prove(self, certificate_id: str) -> None:
        await self._happen(await self.row(certificate_id), f.Proven(at=self._clock()))

    async def issue(self, certificate_id: str) -> None:
        """Sign with the tests' own authority, and keep leaf and sealed key as the activities do."""
        now = self._clock()
        state = await self.row(certificate_id)
        assert state.order is not None
        assert state.product is not None
        key = load_private(KeyGeneration().make(state.order.key_type))
        signed = sign(state.names[0], lower(), key=key, names=state.names, begins=now, ends=now + timedelta(days=199))
        attempt = state.order.attempt
        leaf = Issuance(
            number=attempt,
            serial=f"{signed.certificate.serial_number:x}",
            fingerprint_sha256=f"{attempt:02x}" * 32,
            issuer="ecdsa",
            key_type=state.order.key_type,
            not_before=now,
            not_after=now + timedelta(days=199),
            issued_at=now,
        )
        ref = None if state.order.csr_ref else state.key_ref(attempt)
        record = IssuanceRecord(
            certificate_id=certificate_id,
            issuance=leaf,
            application_id=state.application.id if state.application else None,
            attempt=attempt,
            names=state.names,
            leaf_pem=signed.pem,
            chain_pem=lower().pem,
            spki_sha256=spki_sha256(key.public_key()),
            key_ref=ref,
        )
        async with self._storage.begin() as tx:
            await tx.issuances.add(record)
            if ref:
                sealed = self._sealer.seal(private_der(key), identity=ref)
                await tx.secrets.put(ref, owner=certificate_id, sealed=sealed)
        await self._happen(state, f.Issued(at=now, issuance=leaf, plan_days=state.product.plan_days))

    async def tell(self, report: DeploymentReport) -> None:
        """Tell a certificate how a deployment ended."""
        state = await self.row(report.certificate_id)
        for fact in facts_of(report, state, self._clock()):
            state = await self._happen(state, fact)

    async def happen(self, certificate_id: str, *facts: f.Fact) -> None:
        state = await self.row(certificate_id)
        for fact in facts:
            state = await self._happen(state, fact)

    async def row(self, certificate_id: str) -> CertificateState:
        state = await self._find(certificate_id)
        assert state is not None
        return state

    # Inside

    def _go_wrong(self) -> None:
        if self.broken:
            raise self.broken
        if self.silent:
            raise UNKNOWN

    def _answer(self, state: CertificateState) -> c.Accepted:
        if self.lost_answers:
            raise UNKNOWN
        return c.Accepted(version=None if self.slow else state.version)

    async def _find(self, certificate_id: str) -> CertificateState | None:
        async with self._storage.read() as tx:
            return await tx.certificates.get(certificate_id)

    async def _happen(self, state: CertificateState, fact: f.Fact) -> CertificateState:
        after = evolve(state, fact)
        async with self._storage.begin() as tx:
            await record(tx, Work(state=after, unrecorded=(f.Entry(version=after.version, fact=fact),)))
            await self._beside(tx, fact, after)
        return after

    async def _beside(self, tx: Transaction, fact: f.Fact, after: CertificateState) -> None:
        if isinstance(fact, f.Revoked | f.Issued | f.Retired):
            await tx.issuances.mark(after.certificate_id, {one.number: one.state for one in after.issuances})
        if isinstance(fact, f.Deleted):
            await tx.secrets.destroy_owned(after.certificate_id)

    async def _charge(self, state: CertificateState) -> CertificateState:
        assert state.product is not None
        try:
            await self._payments.charge(self._request(state, "charge"), now=self._clock())
        except PaymentRefused as refused:
            declined = f.PaymentDeclined(at=self._clock(), code=refused.special_code, detail=refused.detail)
            return await self._happen(state, declined)
        return await self._happen(state, f.Paid(at=self._clock(), amount=state.product.price))

    def _request(self, state: CertificateState, what: str) -> PaymentRequest:
        assert state.product is not None
        return PaymentRequest(
            key=state.claim(what),
            account_id=state.account_id,
            amount=state.product.price,
            reference=state.certificate_id,
        )

    async def _carry_out(self, state: CertificateState, command: c.Command) -> CertificateState:
        now = self._clock()
        if isinstance(command, c.CheckNow):
            return self._check(state, now)
        if isinstance(command, c.Revoke | c.CancelOrder):
            return await self._pay_back(state, command, now)
        for fact in facts_of(command, state, now):
            state = await self._happen(state, fact)
        if isinstance(command, c.Delete):
            state = await self._happen(state, f.Deleted(at=now, keys_destroyed=1))
        return state

    def _check(self, state: CertificateState, now: datetime) -> CertificateState:
        last = self._checked.get(state.certificate_id)
        if last and now < last + CHECK_EVERY:
            raise TooSoon("It was looked for a moment ago.", retry_at=last + CHECK_EVERY)
        self._checked[state.certificate_id] = now
        return state

    async def _pay_back(
        self, state: CertificateState, command: c.Revoke | c.CancelOrder, now: datetime
    ) -> CertificateState:
        due = quote(state, command.requested_at)
        assert due is not None
        at, actor = command.requested_at, command.actor
        if isinstance(command, c.Revoke):
            asked = f.RevocationRequested(at=at, actor=actor, requested_at=at, reason=command.reason, quote=due)
            state = await self._happen(state, asked)
            serials = tuple(one.serial for one in state.unexpired(now))
            state = await self._happen(state, f.Revoked(at=now, serials=serials))
        else:
            state = await self._happen(state, f.CancellationRequested(at=at, actor=actor, quote=due))
        if state.refund and state.refund.state is RefundState.PENDING:
            request = self._request(state, "refund")
            amount = await self._payments.refund(request, charge_key=state.claim("charge"), now=now)
            state = await self._happen(state, f.Refunded(at=now, amount=amount, why=state.refund.why))
        return state


def _challenge(name: str, kind: ValidationMethod) -> Challenge:
    if kind is ValidationMethod.DNS_01:
        record = f"_certloom-challenge.{name}"
        return Challenge(name=name, type=kind, token="token", record_name=record, record_value="value")
    url = f"http://{name}/.well-known/certloom-challenge/token"
    return Challenge(name=name, type=kind, token="token", url=url, content="content")
