"""What has to be published for an order, and telling the CA to look at it (RFC 8555 sections 7.5 and 8).

Challenges of other types than the one wanted are left alone; what the CA holds as proven needs none.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from josepy.b64 import b64encode

from certloom.domain.address import host_in_url
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_network import Signer
from certloom.issuers.acme_problems import ProblemRefused, failed
from certloom.issuers.acme_replies import TOKEN, AcmeChallenge, AcmeOrderBody, Authorization, Reply, shown
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeOrder

RECORD_LABEL: Final = "_acme-challenge"
FILE_PATH: Final = "/.well-known/acme-challenge"
AT_ONCE: Final = 8  # authorisations of one order: as many as exchanges with one CA
ANSWER_AGAIN: Final = timedelta(minutes=5)  # a CA that still waits then has lost our answer
LOOK_PAUSE: Final = 1.0  # seconds; a validation takes about that, and then a quarter of what it has taken
LOOK_SLOWEST: Final = 15.0  # seconds


class Proofs:
    """Reads authorisations and answers challenges. Raises Outage, Later and IssuerRefused."""

    def __init__(self, storage: Storage, client: AcmeClient) -> None:
        self._storage = storage
        self._client = client

    async def wanted(
        self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, *, now: datetime
    ) -> tuple[tuple[Challenge, ...], datetime | None]:
        """Return what has to be published, in the order of the names ordered, and until when it is of use."""
        found = [item for _, item in await self._authorizations(order, body, signer, now)]
        refused = failed(found)
        if refused:
            raise refused
        open_ones = [item for item in found if item.status != "valid"]
        made = [challenge_of(item, order.validation, signer) for item in open_ones]
        places = {name: place for place, name in enumerate(order.names)}
        ends = [end for end in (body.expires, *(item.expires for item in open_ones)) if end is not None]
        return tuple(sorted(made, key=lambda item: places.get(item.name, len(places)))), min(ends, default=None)

    async def take_further(
        self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, *, now: datetime
    ) -> AcmeOrder | float:
        """Tell the CA to look at what it was not told yet, or return for how long to leave it alone, in seconds.

        The order comes back, as it is stored now, when it is worth another look: the CA was just told, or everything is
        proven. Raises IssuerRefused with each failed name and why.
        """
        found = await self._authorizations(order, body, signer, now)
        refused = failed(item for _, item in found)
        if refused:
            raise refused
        unanswered = [item for _, item in found if item.status == "pending"]
        before = order
        for item in unanswered:
            order = await self._answer(order, item, signer, now)
        if order is not before:
            return order
        waited = (now - max(order.answered.values(), default=now)).total_seconds()
        usual = min(max(LOOK_PAUSE, waited / 4), LOOK_SLOWEST)
        pauses = [reply.pause(now, default=usual) for reply, item in found if item.status != "valid"]
        return max(pauses) if pauses else order

    async def failure(
        self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, *, now: datetime
    ) -> IssuerRefused | None:
        """Return why the proofs failed, if they did; None also when the CA does not tell any more."""
        try:
            return failed(item for _, item in await self._authorizations(order, body, signer, now))
        except ProblemRefused:
            return None

    async def _answer(self, order: AcmeOrder, item: Authorization, signer: Signer, now: datetime) -> AcmeOrder:
        """Tell the CA once, and remember it; in vain when the CA looks already."""
        challenge = _offered(item, order.validation)
        told = order.answered.get(challenge.url)
        if challenge.status != "pending" or (told and now < told + ANSWER_AGAIN):
            return order
        try:
            await self._client.post(challenge.url, {}, signer, now=now, names=(item.name,))
        except ProblemRefused as refused:
            if refused.problem.code not in {"malformed", "unauthorized"}:
                raise
        async with self._storage.begin() as tx:
            return await tx.acme.set_answered(order.order_ref, challenge.url, now)

    async def _authorizations(
        self, order: AcmeOrder, body: AcmeOrderBody, signer: Signer, now: datetime
    ) -> Sequence[tuple[Reply, Authorization]]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(url: str) -> tuple[Reply, Authorization]:
            async with gate:
                reply = await self._client.post(url, None, signer, now=now)
                return reply, reply.read(Authorization)

        found = await asyncio.gather(*(read(url) for url in body.authorizations))
        foreign = [item.name for _, item in found if item.name not in order.names]
        if foreign:
            raise Outage(f"The CA wants {shown(foreign[0])} proven, which was not ordered.")
        return found


def challenge_of(item: Authorization, method: ValidationMethod, signer: Signer) -> Challenge:
    """Return what proves an identifier; raises IssuerRefused when the CA does not offer the method for it."""
    token = _offered(item, method).token
    if not TOKEN.fullmatch(token):
        raise Outage("The CA sent a challenge whose token is none (RFC 8555 section 8.1).")
    proof = f"{token}.{b64encode(signer.jwk.thumbprint()).decode('ascii')}"
    base = item.name.removeprefix("*.")
    if method is ValidationMethod.DNS_01:
        value = b64encode(sha256(proof.encode("ascii")).digest()).decode("ascii")
        record = f"{RECORD_LABEL}.{base}"
        return Challenge(name=item.name, type=method, token=token, record_name=record, record_value=value)
    url = f"http://{host_in_url(base)}{FILE_PATH}/{token}"
    return Challenge(name=item.name, type=method, token=token, url=url, content=proof)


def _offered(item: Authorization, method: ValidationMethod) -> AcmeChallenge:
    challenge = item.challenge(method)
    if challenge is None:
        others = ", ".join(shown(one.type) for one in item.challenges[:10]) or "nothing"
        detail = f"The CA does not let {shown(item.name)} be proven by {method}; it offers {others}."
        raise IssuerRefused(detail, reason="method_not_offered")
    return challenge
