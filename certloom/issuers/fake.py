"""An issuer for tests and rehearsals: keeps the Issuer's promises, and goes wrong on request.

It signs with a CA of its own that lives as long as the object; nothing is linted and nothing is stored.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cryptography import x509

from certloom.domain.budget import Limits
from certloom.domain.errors import IssuerRefused, Outage, OutcomeUnknown
from certloom.domain.key import KeyFamily
from certloom.issuers.challenges import base_names, challenge, propose_tokens, refuse_unprovable
from certloom.issuers.interface import LeafToRevoke, OrderOpened, OrderRequest, Pending, RenewalWindow, SignedLeaf
from certloom.issuers.leaves import Parent, leaf_builder, read_key
from certloom.issuers.orders import end_of, new_order, plan_of, refuse_other
from certloom.issuers.profiles import AuthorityName, build_issuing, build_root
from certloom.issuers.signed import signed_leaf
from certloom.issuers.signing import AuthorityKey, make_key, sign_certificate
from certloom.storage.records import AuthorityOrder

Call = Literal["begin", "advance", "abandon", "revoke"]

FAKE_URL: Final = "http://issuer.invalid"
FAKE_NAME: Final = AuthorityName("XX", "Certloom Fake")
SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)  # long before any leaf


@dataclass
class Script:
    """What goes wrong, and how often; the counts go down as it happens, and may be set anew at any time.

    `outages` answer before anything is done, `lost_answers` after it was; both count for every call. `pending` is per
    order. `delay` is in seconds, before each answer. With `fresh_challenges` each order has tokens of its own, as at an
    ACME CA; it ends after `orders_last`.
    """

    pending: int = 0
    outages: int = 0
    lost_answers: int = 0
    refuse_begin: str | None = None
    refuse_advance: str | None = None
    refuse_names: tuple[str, ...] = ()
    refuse_revoke: str | None = None  # a serial
    delay: float = 0.0
    fresh_challenges: bool = False
    orders_last: timedelta | None = None


class FakeIssuer:
    """An Issuer in memory; `calls`, `requests` and `revoked` tell what was asked of it.

    `outside` makes it a stranger's CA, that says by `window` when to renew.
    """

    def __init__(self, script: Script | None = None, *, outside: bool = False, limits: Limits | None = None) -> None:
        self.outside = outside
        self.limits = limits or Limits()
        self.window: RenewalWindow | None = None
        self.identities: tuple[str, ...] = ("ca.example.net",)
        self.script = script or Script()
        self.calls: list[Call] = []
        self.requests: list[OrderRequest] = []
        self.revoked: dict[str, LeafToRevoke] = {}
        self._orders: dict[str, AuthorityOrder] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._pending: dict[str, int] = {}
        self._making = threading.Lock()  # signing works in threads, and there must be one root
        self._root: tuple[AuthorityKey, x509.Certificate] | None = None
        self._issuing: dict[KeyFamily, tuple[AuthorityKey, Parent]] = {}

    async def begin(self, request: OrderRequest, *, now: datetime) -> OrderOpened:
        """Open an order, or find it by its key."""
        self.requests.append(request)
        await self._answer("begin")
        _refuse(self.script.refuse_begin)
        refuse_unprovable(request.names, request.validation)
        read_key(request.spki, request.key_type)
        order = self._kept(new_order(request, now=now))
        tokens = self._kept_tokens(order)
        self._lose_answer()
        found = tuple(challenge(name, request.validation, tokens[name]) for name in base_names(order.names))
        return OrderOpened(
            order_ref=order.order_ref,
            challenges=found,
            proofs_stand=not self.script.fresh_challenges,
            expires_at=now + self.script.orders_last if self.script.orders_last else None,
        )

    async def advance(self, order_ref: str, *, now: datetime, not_after: datetime) -> Pending | SignedLeaf:
        """Be pending as often as the script says, then sign; again and again the same leaf."""
        await self._answer("advance")
        order = self._open(order_ref)
        _refuse(self.script.refuse_advance, self.script.refuse_names)
        if self._pending[order_ref] < self.script.pending:
            self._pending[order_ref] += 1
            return Pending(retry_after=1.0)
        if order.serial is None:
            order = self._reserve(order, now, not_after)
        leaf = await asyncio.to_thread(self._sign, order)
        self._lose_answer()
        return leaf

    async def abandon(self, order_ref: str, *, now: datetime) -> bool:
        """Close the order unless it is signed or unknown."""
        await self._answer("abandon")
        order = self._orders.get(order_ref)
        if order is not None and order.serial is None and order.abandoned_at is None:
            self._orders[order_ref] = order.model_copy(update={"abandoned_at": now})
        self._lose_answer()
        return order is not None and order.serial is None

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Remember the first revocation of each serial."""
        await self._answer("revoke")
        if leaf.serial == self.script.refuse_revoke:
            raise IssuerRefused(f"The certificate {leaf.serial} cannot be revoked.", reason="unauthorized")
        if all(order.serial != leaf.serial for order in self._orders.values()):
            raise IssuerRefused(f"The certificate {leaf.serial} was not signed here.", reason="unknown_leaf")
        entry = leaf.model_copy(update={"revoked_at": min(leaf.revoked_at, now)})
        self.revoked.setdefault(leaf.serial, entry)
        self._lose_answer()

    async def caa_identities(self, *, now: datetime) -> Sequence[str]:  # noqa: ARG002 - the seam's
        """Return `identities`, which a test may set."""
        return self.identities

    async def account_uri(self, *, now: datetime) -> str | None:  # noqa: ARG002 - the seam's
        """Return one when it is a stranger's."""
        return "https://ca.example.net/account/1" if self.outside else None

    async def suggest_renewal(self, leaf_pem: str, *, now: datetime) -> RenewalWindow | None:  # noqa: ARG002 - the seam's
        """Return the scripted window."""
        return self.window

    def root(self) -> x509.Certificate:
        """Return the root that all leaves lead to, for those who verify."""
        with self._making:
            return self._root_pair()[1]

    async def _answer(self, call: Call) -> None:
        self.calls.append(call)
        if self.script.delay:
            await asyncio.sleep(self.script.delay)
        if self.script.outages > 0:
            self.script.outages -= 1
            raise Outage("The issuer does not answer.", retry_after=1.0)

    def _lose_answer(self) -> None:
        if self.script.lost_answers > 0:
            self.script.lost_answers -= 1
            raise OutcomeUnknown("The issuer's answer was lost.")

    def _kept(self, order: AuthorityOrder) -> AuthorityOrder:
        kept = next((item for item in self._orders.values() if item.key == order.key), order)
        refuse_other(kept, order)
        self._pending.setdefault(kept.order_ref, 0)
        return self._orders.setdefault(kept.order_ref, kept)

    def _kept_tokens(self, order: AuthorityOrder) -> dict[str, str]:
        proposed = propose_tokens(order.names)
        owner = order.order_ref if self.script.fresh_challenges else order.account_id
        return {name: self._tokens.setdefault((owner, name), token) for name, token in proposed.items()}

    def _open(self, order_ref: str) -> AuthorityOrder:
        order = self._orders.get(order_ref)
        if order is None:
            raise IssuerRefused(f"The issuer has no order {order_ref}.", reason="unknown_order")
        if order.abandoned_at is not None:
            raise IssuerRefused(f"The order {order_ref} was abandoned.", reason="order_abandoned")
        return order

    def _reserve(self, order: AuthorityOrder, now: datetime, not_after: datetime) -> AuthorityOrder:
        start = now.replace(microsecond=0)
        fixed = {
            "serial": f"{x509.random_serial_number():x}",
            "not_before": start,
            "not_after": end_of(start, not_after),
        }
        self._orders[order.order_ref] = order.model_copy(update=fixed)
        return self._orders[order.order_ref]

    def _sign(self, order: AuthorityOrder) -> SignedLeaf:
        plan = plan_of(order)
        with self._making:
            key, parent = self._issuing_pair(order.family)
        return signed_leaf(sign_certificate(leaf_builder(plan, parent), key), plan, parent)

    def _issuing_pair(self, family: KeyFamily) -> tuple[AuthorityKey, Parent]:
        if family not in self._issuing:
            root_key, root = self._root_pair()
            key = make_key(family)
            certificate = build_issuing(
                family,
                key.public_key(),
                parent=root,
                parent_key=root_key,
                name=FAKE_NAME,
                public_url=FAKE_URL,
                now=SINCE,
            )
            self._issuing[family] = (key, Parent(family.value, certificate, FAKE_URL))
        return self._issuing[family]

    def _root_pair(self) -> tuple[AuthorityKey, x509.Certificate]:
        if self._root is None:
            key = make_key(KeyFamily.ECDSA)
            self._root = (key, build_root(key, name=FAKE_NAME, now=SINCE))
        return self._root


def _refuse(reason: str | None, names: tuple[str, ...] = ()) -> None:
    if reason is not None:
        raise IssuerRefused(f"The issuer was told to refuse: {reason}.", reason=reason, names=names)
