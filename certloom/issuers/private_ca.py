"""The embedded private CA as an Issuer: orders, serials and revocations live in storage, nothing in the process.

It signs at once, so its orders are never pending; whether names were proven is the workflow's to know.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509

from certloom.domain.address import IPNetwork
from certloom.domain.budget import Limits
from certloom.domain.errors import Outage
from certloom.issuers.authorities import check_public_url
from certloom.issuers.challenges import base_names, challenge, propose_tokens, refuse_unprovable
from certloom.issuers.interface import LeafToRevoke, OrderOpened, OrderRequest, Pending, RenewalWindow, SignedLeaf
from certloom.issuers.leaves import Parent, leaf_builder
from certloom.issuers.lint import Linter, warm_up
from certloom.issuers.orders import find_order, new_order, plan_of, refuse_other, reserve, trial_plan
from certloom.issuers.revocation_lists import add_to_crl
from certloom.issuers.signed import proven_ours, signed_leaf
from certloom.issuers.signing import sign_certificate, unseal_key
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import Authority, AuthorityOrder


class PrivateCa:
    """The Issuer of the product's own CA; needs create_authorities to have run, and raises Outage until then."""

    outside = False
    limits = Limits()

    def __init__(
        self,
        storage: Storage,
        sealer: Sealer,
        *,
        public_url: str,
        internal_suffixes: Collection[str] = (),
        internal_networks: Collection[IPNetwork] = (),
        caa_identities: Sequence[str] = (),
    ) -> None:
        check_public_url(public_url)
        self._caa_identities = tuple(caa_identities)
        self._storage = storage
        self._sealer = sealer
        self._public_url = public_url
        self._linter = Linter(
            public_url=public_url, internal_suffixes=internal_suffixes, internal_networks=internal_networks
        )

    async def warm_up(self) -> None:
        """Load the lint rules, so that the first order need not wait for them; may be left out."""
        await asyncio.to_thread(warm_up)

    async def begin(self, request: OrderRequest, *, now: datetime) -> OrderOpened:
        """Keep the order and its tokens in one transaction.

        What would be refused at the end is refused here: the leaf is linted as if it were signed now.
        """
        refuse_unprovable(request.names, request.validation)
        order = new_order(request, now=now)
        async with self._storage.read() as tx:
            authority = await _authority(tx, order)
        await asyncio.to_thread(self._linter.check, trial_plan(order, now=now), self._parent(authority))
        async with self._storage.begin() as tx:
            kept = await tx.authorities.add_order(order)
            refuse_other(kept, order)
            tokens = await tx.tokens.keep(kept.account_id, propose_tokens(kept.names))
        found = tuple(challenge(name, request.validation, tokens[name]) for name in base_names(kept.names))
        return OrderOpened(order_ref=kept.order_ref, challenges=found)

    async def advance(self, order_ref: str, *, now: datetime, not_after: datetime) -> Pending | SignedLeaf:
        """Fix serial and validity, then lint, then sign: a repeated call returns the very same leaf.

        A crash in between leaves a serial that nobody saw, which the next call uses.
        """
        async with self._storage.begin() as tx:
            order = await find_order(tx, order_ref)
            authority = await _authority(tx, order)
            if order.serial is None:
                order = await reserve(tx, order, authority_id=authority.id, now=now, not_after=not_after)
        return await asyncio.to_thread(self._sign, order, authority)

    async def abandon(self, order_ref: str, *, now: datetime) -> bool:
        """Close the order; one that has its serial stays as it is."""
        async with self._storage.begin() as tx:
            return await tx.authorities.abandon_order(order_ref, now)

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Enter the leaf and publish a CRL that lists it, in one transaction.

        Raises IssuerRefused for a leaf that none of our authorities signed.
        """
        async with self._storage.begin() as tx:
            authority = await tx.authorities.get(leaf.issuer)
            await add_to_crl(tx, self._sealer, proven_ours(leaf, authority, now=now), now=now)

    async def caa_identities(self, *, now: datetime) -> Sequence[str]:  # noqa: ARG002 - the seam's
        """Return what the operator set."""
        return self._caa_identities

    async def account_uri(self, *, now: datetime) -> str | None:  # noqa: ARG002 - the seam's
        """Return None: there are no accounts at our own CA."""
        return None

    async def suggest_renewal(self, leaf_pem: str, *, now: datetime) -> RenewalWindow | None:  # noqa: ARG002 - the seam's
        """Return None: when to renew its leaves is the service's to decide."""
        return None

    def _sign(self, order: AuthorityOrder, authority: Authority) -> SignedLeaf:
        plan, parent = plan_of(order), self._parent(authority)
        self._linter.check(plan, parent)
        leaf = sign_certificate(leaf_builder(plan, parent), unseal_key(self._sealer, authority))
        return signed_leaf(leaf, plan, parent)

    def _parent(self, authority: Authority) -> Parent:
        return Parent(authority.id, x509.load_der_x509_certificate(authority.certificate), self._public_url)


async def _authority(tx: Transaction, order: AuthorityOrder) -> Authority:
    authority = await tx.authorities.get(order.family.value)
    if authority is None:
        raise Outage("The private CA is not set up yet; run `workers.init` once.")
    return authority
