"""/v1/delegations: the alias that leads a name's proofs into the service's own DNS zone, once and for all renewals."""

import base64
import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.auth import AnyCaller, Caller
from api.case import AnyServices, say
from api.schemas.zone import AliasView, DelegationView
from api.services import Services
from api.zone_form import read_zone_name
from certloom.domain.errors import Conflict, InvalidInput, NotFound
from certloom.domain.role import Role
from certloom.domain.zone import PROOF_LABELS, proven_name

router = APIRouter(prefix="/delegations", tags=["DNS zones"])

MOST_LABELS: Final = 2_000  # per account
LABEL_BYTES: Final = 16  # 128 bits, which nobody guesses; 26 characters in base32

Name = Annotated[str, Query(max_length=1024, description="The name to prove; a star in front is left out.")]


@router.get("", response_model=DelegationView, summary="Show how to delegate proofs of a name")
async def read_delegation(name: Name, services: AnyServices, caller: AnyCaller) -> Response:
    """Show the record to publish. Its label belongs to this account and name for ever; the first call draws it."""
    account_id, zone = caller.account, services.delegation_zone
    if zone is None:
        raise NotFound("This service has no zone of its own to delegate into; ask its operator.")
    base, faults = read_zone_name(
        name.strip().removeprefix("*."), internal_suffixes=services.internal_suffixes, place="name"
    )
    if faults:
        raise InvalidInput(faults)
    base = proven_name(base) or base  # who copied the record's name means the name that it proves
    label = await _label(services, caller, account_id, base)
    alias = AliasView(name=f"{PROOF_LABELS[0]}.{base}", value=f"{label}.{zone}.")
    return say(DelegationView(name=base, record=alias), 200, {"Cache-Control": "private, no-cache"})


async def _label(services: Services, caller: Caller, account_id: str, base: str) -> str:
    async with services.storage.read() as tables:
        known = await tables.delegations.labels(account_id, [base])
    if base in known:
        return known[base]
    if caller.role is not Role.MEMBER:
        raise NotFound("There is no label for this name yet; a member's key draws it with the same call.")
    async with services.storage.begin() as tables:
        if await tables.delegations.count(account_id) >= MOST_LABELS:
            raise Conflict(f"An account has at most {MOST_LABELS} delegated names.", code="too_many_delegations")
        return await tables.delegations.keep(account_id, base, _draw(), services.clock())


def _draw() -> str:
    return base64.b32encode(secrets.token_bytes(LABEL_BYTES)).decode().rstrip("=").lower()
