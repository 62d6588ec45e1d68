"""Placing an order at an ACME CA so that a crash between any two exchanges costs nothing (RFC 8555 section 7.4).

The row comes first, then the order, then its URL into the row. An order whose URL was lost is looked for in the
account's list of orders; a CA without such a list (Boulder) answers an equal newOrder with the same order.
"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from certloom.domain.errors import IssuerRefused, Later, Outage
from certloom.issuers.acme_account import LOST, AcmeAccounts
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_network import Signer
from certloom.issuers.acme_problems import ACCOUNT_REFUSED, ProblemRefused
from certloom.issuers.acme_replies import AcmeOrderBody, Identifier, Reply, Wire
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeOrder

PAGES: Final = 1000  # of an account's orders; they are listed oldest first, three a page at Pebble
SEARCH_SECONDS: Final = 10.0  # a third of a call, so that there is time left to order
OPEN: Final = frozenset({"pending", "ready"})

_NEXT: Final = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_ABOUT_REPLACES: Final = re.compile(r"replac|certid|given certificate|existing order", re.IGNORECASE)


class _Account(Wire):
    orders: str | None = None


class _Orders(Wire):
    orders: tuple[str, ...] = ()


class AcmeOrders:
    """Places orders and finds lost ones. Raises Outage, Later and IssuerRefused."""

    def __init__(self, storage: Storage, client: AcmeClient, accounts: AcmeAccounts) -> None:
        self._storage = storage
        self._client = client
        self._accounts = accounts

    async def place(self, order: AcmeOrder, *, fresh: bool, now: datetime) -> tuple[AcmeOrder, AcmeOrderBody | None]:
        """Return the order with its URL, which is stored, and how it stands if that is known.

        *fresh* says that it cannot have been placed before.
        """
        lost = None if fresh else await self._lost(order, now)
        if lost is not None:
            return await self._keep(order, lost), None
        reply = await self._new(order, now)
        if reply.location is None:
            raise Outage("The CA took an order and did not say where it is.")
        order = await self._keep(order, reply.location)
        return order, reply.read(AcmeOrderBody) if order.url == reply.location else None

    async def _keep(self, order: AcmeOrder, url: str) -> AcmeOrder:
        self._client.transport.host_of(url)
        async with self._storage.begin() as tx:
            return await tx.acme.set_order_url(order.order_ref, url)

    async def _new(self, order: AcmeOrder, now: datetime) -> Reply:
        signer = await self._accounts.signer(now=now)
        try:
            return await self._new_order(order, signer, now)
        except ProblemRefused as refused:
            if _is_about_us(refused):
                raise IssuerRefused(refused.detail, reason=ACCOUNT_REFUSED) from refused
            if refused.problem.code not in LOST:
                raise
            await self._accounts.forget(signer)
            return await self._new_order(order, await self._accounts.signer(now=now), now)

    async def _new_order(self, order: AcmeOrder, signer: Signer, now: datetime) -> Reply:
        """Ask for the order; a predecessor that the CA does not accept as such is left out, for it is only a hint."""
        directory = await self._client.directory(now=now)
        body: dict[str, Any] = {"identifiers": [Identifier.of(name).model_dump() for name in order.names]}
        if order.profile:
            body["profile"] = order.profile
        if not (order.replaces and directory.renewal_info):
            return await self._client.post(directory.new_order, body, signer, now=now, names=order.names)
        with_hint = {**body, "replaces": order.replaces}
        try:
            return await self._client.post(directory.new_order, with_hint, signer, now=now, names=order.names)
        except (ProblemRefused, Outage) as error:
            if not _is_about_replaces(error):
                raise
        return await self._client.post(directory.new_order, body, signer, now=now, names=order.names)

    async def _lost(self, order: AcmeOrder, now: datetime) -> str | None:
        """Return an open order at the CA for just these names that no row of ours has.

        A long list is not read to its end: then the order is placed anew, and the lost one ends by itself.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEARCH_SECONDS):
                return await self._search(order, now)
        return None

    async def _search(self, order: AcmeOrder, now: datetime) -> str | None:
        signer = await self._accounts.signer(now=now)
        page = await self._first_page(signer, now)
        for _ in range(PAGES):
            if page is None:
                return None
            reply = await self._client.post(page, None, signer, now=now)
            for url in await self._unknown(reply.read(_Orders).orders):
                if await self._fits(url, order, signer, now):
                    return url
            following = _NEXT.search(reply.headers.get("Link", ""))
            page = following[1] if following else None
        return None

    async def _first_page(self, signer: Signer, now: datetime) -> str | None:
        if signer.account_url is None:
            return None
        try:
            reply = await self._client.post(signer.account_url, None, signer, now=now)
        except ProblemRefused:  # an account that is gone has no orders; newOrder says what is the matter
            return None
        return reply.read(_Account).orders

    async def _unknown(self, urls: Sequence[str]) -> Sequence[str]:
        async with self._storage.read() as tx:
            return await tx.acme.unknown_urls(urls)

    async def _fits(self, url: str, order: AcmeOrder, signer: Signer, now: datetime) -> bool:
        try:
            found = (await self._client.post(url, None, signer, now=now)).read(AcmeOrderBody)
        except ProblemRefused:
            return False
        names = {identifier.name for identifier in found.identifiers}
        same_profile = found.profile is None or order.profile is None or found.profile == order.profile
        return found.status in OPEN and names == set(order.names) and same_profile


def _is_about_us(refused: ProblemRefused) -> bool:
    """Whether the CA has something against our account, such as that it was deactivated, and not against a name."""
    problem = refused.problem
    return problem.code == "unauthorized" and not problem.identifier and not problem.subproblems


def _is_about_replaces(error: ProblemRefused | Outage) -> bool:
    """Pebble calls a predecessor that it does not know a fault of its own (500), so the words decide."""
    if isinstance(error, Later):  # a limit is not got round by asking once more
        return False
    known = isinstance(error, ProblemRefused) and error.problem.code == "alreadyReplaced"
    return known or bool(_ABOUT_REPLACES.search(error.detail))
