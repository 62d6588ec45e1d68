"""Who calls: API keys `clm_<id>_<secret>`, checked in constant time, and what a caller may be.

Only the SHA-256 of a key's 32 random bytes is stored, so the database alone opens nothing.
"""

import base64
import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.problems import TooManyFailures
from api.services import Services
from certloom.domain.errors import Forbidden, Outage, Unauthenticated
from certloom.domain.role import Role
from certloom.storage.records import ApiKey

SECRET_BYTES: Final = 32
TOUCH_EVERY: Final = timedelta(minutes=1)
_TOKEN: Final = re.compile(r"clm_([A-Za-z0-9-]{1,64})_([A-Za-z0-9_-]{43})")
_NOBODY: Final = hashlib.sha256(b"no key has this").hexdigest()  # compared when the id is unknown: the same cost

bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="An API key: `clm_<id>_<secret>`.")


@dataclass(frozen=True)
class Caller:
    """A valid key's holder; operators belong to no account."""

    key_id: str
    role: Role
    account_id: str | None

    @property
    def account(self) -> str:
        """The caller's account; raises Forbidden for operators, who have none."""
        if self.account_id is None:
            raise Forbidden("An operator belongs to no account; use a key of the account.")
        return self.account_id

    @property
    def scope(self) -> str:
        """What the caller's Idempotency-Keys are unique within."""
        return self.account_id or f"operator:{self.key_id}"

    def sees(self, account_id: str) -> bool:
        """Whether objects of that account exist for this caller."""
        return self.role is Role.OPERATOR or self.account_id == account_id


class NewKey(NamedTuple):
    """A key just made: the token for its holder, shown once, and the hash for the table."""

    token: str
    hash: str


def make_key(key_id: str) -> NewKey:
    """Draw a secret for *key_id*; each call another."""
    secret = secrets.token_bytes(SECRET_BYTES)
    text = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewKey(f"clm_{key_id}_{text}", hashlib.sha256(secret).hexdigest())


async def identify(request: Request) -> Caller:
    """Return the caller, once per request; raises Unauthenticated, or TooManyFailures after too many of those."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known:
        return known
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = await admit(request, token.strip() if scheme.lower() == "bearer" else "")
    request.state.caller = caller
    return caller


async def admit(request: Request, token: str) -> Caller:
    """Return the holder of *token*; raises Unauthenticated, or TooManyFailures after too many of those."""
    services: Services = request.app.state.services
    now = services.clock()
    key = await _find(services, token, now)
    if key is None:
        address = request.client.host if request.client else ""
        if pause := services.throttle.fail(address, now):
            raise TooManyFailures("Too many wrong API keys came from this address.", pause=pause)
        raise Unauthenticated("Send a valid API key: Authorization: Bearer clm_...")
    await _touch(services, key, now)
    return Caller(key.id, key.role, key.account_id)


async def holder(services: Services, key_id: str, now: datetime) -> Caller | None:
    """Return who holds a key that was shown before, by its id alone; None once it is revoked or expired."""
    async with services.storage.read() as tables:
        key = await tables.accounts.get_key(key_id)
    if key is None or not _open(key, now):
        return None
    await _touch(services, key, now)
    return Caller(key.id, key.role, key.account_id)


async def _find(services: Services, token: str, now: datetime) -> ApiKey | None:
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    async with services.storage.read() as tables:
        key = await tables.accounts.get_key(parts[1])
    given = hashlib.sha256(base64.urlsafe_b64decode(parts[2] + "=")).hexdigest()
    fits = hmac.compare_digest(given, key.hash if key else _NOBODY)
    return key if key and fits and _open(key, now) else None


def _open(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


async def _touch(services: Services, key: ApiKey, now: datetime) -> None:
    if key.last_used_at and now - key.last_used_at < TOUCH_EVERY:
        return
    with suppress(Outage):  # when the key was used last is not worth failing for
        async with services.storage.begin() as tables:
            await tables.accounts.touch_key(key.id, now)


async def _caller(request: Request, _: Annotated[object, Depends(bearer)]) -> Caller:
    return await identify(request)


async def _member(request: Request, _: Annotated[object, Depends(bearer)]) -> Caller:
    return _require(await identify(request), Role.MEMBER)


async def _writer(request: Request, _: Annotated[object, Depends(bearer)]) -> Caller:
    return _require(await identify(request), Role.MEMBER, Role.OPERATOR)


async def _operator(request: Request, _: Annotated[object, Depends(bearer)]) -> Caller:
    return _require(await identify(request), Role.OPERATOR)


def _require(caller: Caller, *roles: Role) -> Caller:
    if caller.role not in roles:
        raise Forbidden(f"This needs a key of the role {' or '.join(roles)}; this one is a {caller.role}'s.")
    return caller


def require(caller: Caller, roles: frozenset[Role]) -> None:
    """Raise Forbidden unless the caller's role is among *roles*."""
    _require(caller, *sorted(roles))


AnyCaller = Annotated[Caller, Depends(_caller)]
Member = Annotated[Caller, Depends(_member)]
Writer = Annotated[Caller, Depends(_writer)]
Operator = Annotated[Caller, Depends(_operator)]
