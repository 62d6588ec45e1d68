"""POST /v1/account/sign-in-codes: a link into the console that works once, for a browser that never sees the key."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Writer
from api.case import AnyServices, say
from api.console.codes import LASTS, make_code
from api.schemas.model import View
from certloom.domain.model import Utc

# No IdempotentRoute: what signs in must never be stored.
router = APIRouter(prefix="/account/sign-in-codes", tags=["Account"])


class SignInCodeView(View):
    """A code, and the address that asks for it; both work once until `expires_at`."""

    code: str
    url: str
    expires_at: Utc


@router.post("", status_code=201, response_model=SignInCodeView, summary="Make a link that signs in once")
async def add_code(services: AnyServices, caller: Writer) -> Response:
    """Make a code that signs in as the holder of this key, within ten minutes."""
    code = make_code(services, caller)
    url = f"{services.public_url}/signin?code={code}"
    return say(SignInCodeView(code=code, url=url, expires_at=services.clock() + LASTS), 201)
