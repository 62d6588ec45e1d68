"""Taking an order at an ACME CA further (RFC 8555 section 7.1.6): look, do what its status calls for, look again."""

from datetime import datetime
from typing import Final, NamedTuple

from josepy.b64 import b64encode

from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.acme_account import LOST, AcmeAccounts
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_leaf import OrderNotOurs, read_chain, request_der
from certloom.issuers.acme_network import Signer
from certloom.issuers.acme_orders import AcmeOrders
from certloom.issuers.acme_problems import PROOF_WORDS, ProblemRefused
from certloom.issuers.acme_proofs import Proofs
from certloom.issuers.acme_replies import AcmeOrderBody, Reply, shown
from certloom.issuers.interface import Pending
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeOrder

STEPS: Final = 8  # in one call; an order has four states on its way
PROCESSING_PAUSE: Final = 3.0  # seconds, as Boulder asks for
NOT_OURS: Final = frozenset({"malformed", "unauthorized"})  # how CAs say that there is no such order of this account
CHAIN_TYPE: Final = "application/pem-certificate-chain"


class Seen(NamedTuple):
    """An order as the CA just showed it; empty when it has to be looked at, or is not there.

    `order` is its row, when that has changed.
    """

    reply: Reply | None = None
    body: AcmeOrderBody | None = None
    order: AcmeOrder | None = None


_NOTHING: Final = Seen()


class AcmeProgress:
    """Opens orders and takes them to their leaf. Raises Outage, Later and IssuerRefused; never waits."""

    def __init__(self, storage: Storage, client: AcmeClient, accounts: AcmeAccounts, orders: AcmeOrders) -> None:
        self._storage = storage
        self._client = client
        self._accounts = accounts
        self._orders = orders
        self._proofs = Proofs(storage, client)

    async def open(self, order: AcmeOrder, *, fresh: bool, now: datetime) -> AcmeOrder:
        """Return the order, placed and with what has to be published; both are stored."""
        body = None
        if order.url is None:
            order, body = await self._orders.place(order, fresh=fresh, now=now)
        signer = await self._accounts.signer(now=now)
        if body is None:
            body = (await self._look(order, signer, now)).body
        if body is None or body.status == "invalid":
            # Placed by an earlier call, and of no use any more before anybody heard of it.
            await self._drop(order)
            raise Outage("The CA has dropped the order; the next call places it anew.")
        challenges, ends = await self._proofs.wanted(order, body, signer, now=now)
        async with self._storage.begin() as tx:
            return await tx.acme.set_challenges(order.order_ref, challenges, expires_at=ends)

    async def go_on(self, order: AcmeOrder, *, now: datetime) -> Pending | AcmeOrder:
        """Return the order with its leaf, which is stored, or for how long to leave it alone."""
        placed_again, seen = False, _NOTHING
        for _ in range(STEPS):
            try:
                went = await self._step(order, seen, now)
            except OrderNotOurs:
                if placed_again:
                    break
                order, placed_again, seen = await self._place_again(order, now), True, _NOTHING
                continue
            if not isinstance(went, Seen):
                return went
            seen, order = went, went.order or order
        return Pending(retry_after=PROCESSING_PAUSE)

    async def _step(self, order: AcmeOrder, seen: Seen, now: datetime) -> Pending | AcmeOrder | Seen:
        """Look at the order unless it was just seen, and act. Raises OrderNotOurs when the CA has none for us."""
        signer = await self._accounts.signer(now=now)
        if seen.body is None and order.url is not None:
            seen = await self._look(order, signer, now)
        if seen.body is None or seen.reply is None:
            _refuse_uncertain(order)
            raise OrderNotOurs
        return await self._act(order, seen.reply, seen.body, signer, now)

    async def _act(
        self, order: AcmeOrder, reply: Reply, body: AcmeOrderBody, signer: Signer, now: datetime
    ) -> Pending | AcmeOrder | Seen:
        """Do what the status calls for; return what is seen then, if anything. Raises OrderNotOurs."""
        match body.status:
            case "pending":
                went = await self._proofs.take_further(order, body, signer, now=now)
                return Seen(order=went) if isinstance(went, AcmeOrder) else Pending(retry_after=went)
            case "ready":
                return await self._finalize(order, body, signer, now)
            case "processing":
                return Pending(retry_after=reply.pause(now, default=PROCESSING_PAUSE))
            case "valid":
                return await self._fetch(order, body, signer, now)
            case "invalid":
                raise await self._why_invalid(order, body, signer, now)
            case other:
                raise Outage(f"The CA says that the order is {shown(other)!r}, which RFC 8555 does not know.")

    async def _finalize(self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, now: datetime) -> Seen:
        """Send the stored request; from its note on the order counts as possibly signed."""
        async with self._storage.begin() as tx:
            order = await tx.acme.start_finalizing(order.order_ref, now)
        refuse_abandoned(order)
        csr = b64encode(request_der(order)).decode("ascii")
        try:
            reply = await self._client.post(body.finalize, {"csr": csr}, signer, now=now, names=order.names)
        except ProblemRefused as refused:
            if refused.problem.code != "orderNotReady":
                raise
            return Seen(order=order)  # somebody was faster, perhaps ourselves
        body = reply.read(AcmeOrderBody)
        if body.status == "processing":  # many sign at once, and a look costs less than being called again
            return Seen(order=order)
        return Seen(reply, body, order)

    async def _fetch(self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, now: datetime) -> AcmeOrder:
        if body.certificate is None:
            raise Outage("The CA says that the order is valid, and not where the certificate is.")
        reply = await self._client.post(body.certificate, None, signer, now=now, accept=CHAIN_TYPE)
        leaf, chain = read_chain(reply.body, order, now=now)
        async with self._storage.begin() as tx:
            return await tx.acme.set_leaf(order.order_ref, leaf_pem=leaf, chain_pem=chain)

    async def _why_invalid(self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, now: datetime) -> IssuerRefused:
        refused = await self._proofs.failure(order, body, signer, now=now)
        if refused:
            return refused
        if body.error:
            return ProblemRefused(body.error, status=403, names=order.names, words=PROOF_WORDS)
        return IssuerRefused("The order at the CA ended before it was issued; apply again.", reason="order_ended")

    async def _place_again(self, order: AcmeOrder, now: datetime) -> AcmeOrder:
        """Place the order anew when the CA has none for us: forgotten, or given to an equal order of ours.

        Raises IssuerRefused when something else would have to be published.
        """
        if order.url is not None:
            order = await self._drop(order)
        order, body = await self._orders.place(order, fresh=False, now=now)
        signer = await self._accounts.signer(now=now)
        body = body or (await self._look(order, signer, now)).body
        wanted = (await self._proofs.wanted(order, body, signer, now=now))[0] if body else ()
        if body is None or not set(wanted) <= set(order.challenges or ()):
            detail = "The CA has no use for the order any more, and wants the names proven anew; apply again."
            raise IssuerRefused(detail, reason="order_lost")
        return order

    async def _drop(self, order: AcmeOrder) -> AcmeOrder:
        async with self._storage.begin() as tx:
            return await tx.acme.drop_order_url(order.order_ref, order.url or "")

    async def _look(self, order: AcmeOrder, signer: Signer, now: datetime) -> Seen:
        """Read the order; nothing is seen when the CA does not know it, or not as ours."""
        try:
            reply = await self._client.post(order.url or "", None, signer, now=now)
        except ProblemRefused as refused:
            if refused.problem.code in LOST:
                await self._accounts.forget(signer)
            elif refused.problem.code not in NOT_OURS:
                raise  # whatever it has against us now, it may have the order, and its leaf
            return _NOTHING
        return Seen(reply, reply.read(AcmeOrderBody))


def refuse_abandoned(order: AcmeOrder) -> None:
    """Raise IssuerRefused for an order that must never be finalized."""
    if order.abandoned_at is not None:
        raise IssuerRefused(f"The order {order.order_ref} was abandoned.", reason="order_abandoned")


def _refuse_uncertain(order: AcmeOrder) -> None:
    """Raise IssuerRefused when the order may have a leaf that nobody can ask for any more: a key is signed once."""
    if order.url is not None and order.finalizing_at is not None:
        detail = "The CA does not know the order any more, whose certificate it may have issued; apply again."
        raise IssuerRefused(detail, reason="order_lost")
