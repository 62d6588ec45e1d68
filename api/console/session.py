"""Who sits in front of the console: a sealed cookie that names a key, and the token that its forms must carry.

Nothing is stored here. The key is looked up again at each request, so revoking it ends every session it opened.
"""

import base64
import binascii
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api.services import Services
from certloom.domain.errors import Forbidden
from certloom.domain.model import Model, Utc
from certloom.keys.interface import SealBroken

LASTS: Final = timedelta(hours=12)
_IDENTITY: Final = "console/session"


class _StaleForm(Forbidden):
    code = "stale_form"


class Session(Model):
    """A visit; `key_id` is empty until somebody signs in. `csrf` is what its forms carry."""

    key_id: str | None
    csrf: str
    ends_at: Utc


def open_session(key_id: str | None, now: datetime) -> Session:
    """Begin a visit; signing in begins another one, so that nobody can prepare it for somebody else."""
    return Session(key_id=key_id, csrf=secrets.token_urlsafe(24), ends_at=now + LASTS)


def read_session(request: Request, services: Services) -> Session | None:
    """Return the visit that the cookie tells of; None without one, when it is over, or when it is not ours."""
    text = request.cookies.get(cookie_name(services), "")
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii"))
        session = Session.model_validate_json(services.sealer.unseal(sealed, identity=_IDENTITY))
    except (UnicodeError, binascii.Error, SealBroken, ValidationError):
        return None
    return session if session.ends_at > services.clock() else None


def keep_session(response: Response, session: Session, services: Services) -> None:
    """Send the cookie."""
    sealed = services.sealer.seal(session.model_dump_json().encode(), identity=_IDENTITY)
    left = session.ends_at - services.clock()
    response.set_cookie(
        cookie_name(services),
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=int(left.total_seconds()),
        path="/",
        secure=_secure(services),
        httponly=True,
        samesite="lax",  # a link in a message leads to the page; every form carries the token as well
    )


def end_session(response: Response, services: Services) -> None:
    """Take the cookie away."""
    response.delete_cookie(cookie_name(services), path="/", secure=_secure(services), httponly=True, samesite="lax")


def require_token(session: Session, given: str) -> None:
    """Raise Forbidden (`stale_form`) unless a form carries the token of this visit; compared in constant time."""
    if not hmac.compare_digest(session.csrf.encode(), given.encode()):
        detail = "It is too old, or it did not come from this console. Nothing was changed: open its page again."
        raise _StaleForm(detail)


def cookie_name(services: Services) -> str:
    """Return the cookie's name; browsers hold `__Host-` to one host, one path and HTTPS (RFC 6265bis 4.1.3)."""
    return "__Host-certloom" if _secure(services) else "certloom"


def _secure(services: Services) -> bool:
    return services.public_url.startswith("https:")
