"""Looks for proofs of control and at CAA from this machine's place in the network."""

import asyncio
from collections.abc import Sequence

from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.net.interface import ProofHttp, Resolver
from certloom.validation.caa import CaaClimb
from certloom.validation.dns01 import look_at_dns
from certloom.validation.http01 import look_at_web
from certloom.validation.interface import CaaVerdict, Look

CAA_AT_ONCE = 10
"""Names whose CAA records are asked for at the same time: a name server must not take us for an attack."""


class NetworkValidator:
    """Implements Validator. `above` is asked about CAA above the names, in place of *resolver*; see CaaClimb."""

    def __init__(self, resolver: Resolver, http: ProofHttp, *, above: Resolver | None = None) -> None:
        self._resolver = resolver
        self._above = above or resolver
        self._http = http

    async def look(self, challenge: Challenge) -> Look:
        """See Validator; raises InvalidInput for a challenge without the fields that its type needs."""
        if challenge.type is ValidationMethod.DNS_01:
            _require("record_name", challenge.record_name)
            _require("record_value", challenge.record_value)
            return await look_at_dns(self._resolver, challenge)
        _require("url", challenge.url)
        _require("content", challenge.content)
        return await look_at_web(self._http, challenge)

    async def check_caa(
        self, names: Sequence[str], *, method: str, identities: Sequence[str], account: str | None = None
    ) -> Sequence[CaaVerdict]:
        """See Validator; a name that cannot stand in DNS raises InvalidInput."""
        climb = CaaClimb(self._resolver, identities, above=self._above, account=account)
        gate = asyncio.Semaphore(CAA_AT_ONCE)

        async def check(name: str) -> CaaVerdict:
            async with gate:
                return await climb.check(name, method=method)

        results = await asyncio.gather(*(check(name) for name in names), return_exceptions=True)
        verdicts: list[CaaVerdict] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            verdicts.append(result)
        return verdicts


def _require(field: str, value: str | None) -> None:
    if not value:
        detail = f"The challenge has no {field}, so there is nothing to look for."
        raise InvalidInput([FieldFault(pointer=f"/{field}", code="missing", detail=detail)])
