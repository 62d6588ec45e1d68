"""Codes that sign in once within ten minutes: sealed, so nothing is stored until one is used up.

Whoever has a key may have one made, for a browser that should not see the key itself.
"""

import base64
import binascii
import secrets
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from api.auth import Caller, holder
from api.services import Services
from certloom.domain.model import Model, Utc
from certloom.keys.interface import SealBroken
from certloom.storage.records import IdempotencyClaim

LASTS: Final = timedelta(minutes=10)
_IDENTITY: Final = "console/code"


class Code(Model):
    """What a code says to us; `number` is what is used up."""

    key_id: str
    number: str
    ends_at: Utc


def make_code(services: Services, caller: Caller) -> str:
    """Return a code that signs in as *caller*; each call another."""
    code = Code(key_id=caller.key_id, number=secrets.token_urlsafe(18), ends_at=services.clock() + LASTS)
    sealed = services.sealer.seal(code.model_dump_json().encode(), identity=_IDENTITY)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def redeem(services: Services, text: str) -> Caller | None:
    """Use a code up and return for whom it was made; None when it is over, used, or none of ours."""
    code = _read(services, text)
    now = services.clock()
    if code is None or code.ends_at <= now:
        return None
    mine = secrets.token_urlsafe(18)
    claim = IdempotencyClaim(
        scope="console/code", key=code.number, fingerprint=_IDENTITY, subject=mine, claimed_at=now
    )  # kept 30 days, much longer than the code lasts
    async with services.storage.begin() as tables:
        first = await tables.idempotency.claim(claim)
    return await holder(services, code.key_id, now) if first.subject == mine else None


def _read(services: Services, text: str) -> Code | None:
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        return Code.model_validate_json(services.sealer.unseal(sealed, identity=_IDENTITY))
    except (UnicodeError, binascii.Error, SealBroken, ValidationError):
        return None
