"""POST /v1/lab/proofs: publish a certificate's proof in the lab zone; there only under `make run`."""

import contextlib
import secrets
from collections.abc import Sequence
from typing import Final

import httpx
from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Caller, Member
from api.case import AnyServices, find, say
from api.schemas.model import Form, View
from api.services import Services
from certloom.domain import command as c
from certloom.domain.application import Challenge
from certloom.domain.errors import NotAllowedNow, NotFound, Outage, TooSoon
from certloom.domain.rights import not_now

SUFFIX: Final = "lab.test"  # what `make run` gives the lab to answer for (LAB_SUFFIX in workers/service.py)

router = APIRouter(prefix="/lab", tags=["Lab"])


class ProofForm(Form):
    """Whose proof."""

    certificate_id: str


class ProofsView(View):
    """What is published now."""

    items: tuple[Challenge, ...]


class HttpLab:
    """The lab's control endpoint (lab/control.py); it listens on loopback only."""

    def __init__(self, control_url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = f"{control_url.rstrip('/')}/proofs"
        self._transport = transport

    async def publish(self, challenges: Sequence[Challenge]) -> None:
        """Publish them; raises Outage when the lab does not answer, or not well."""
        body = {"challenges": [one.model_dump(mode="json") for one in challenges]}
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=5, trust_env=False) as client:
                (await client.post(self._url, json=body)).raise_for_status()
        except httpx.HTTPError as error:
            raise Outage("the lab does not answer") from error


async def _look(services: Services, caller: Caller, certificate_id: str) -> None:
    """Have it looked for at once, or whoever waits for it waits for the next look; what is in the way says nothing."""
    stamp = {"request_id": f"req_lab_{secrets.token_hex(16)}", "actor": caller.key_id, "requested_at": services.clock()}
    with contextlib.suppress(NotAllowedNow, NotFound, Outage, TooSoon):
        await services.client.send(certificate_id, c.CheckNow(**stamp))


@router.post("/proofs", response_model=ProofsView, summary="Publish a proof in the lab zone")
async def publish(form: ProofForm, services: AnyServices, caller: Member) -> Response:
    """Publish the challenges of the open application, and have them looked for; may be repeated."""
    if services.lab is None:
        raise NotFound("There is nothing at this address.")
    state = await find(services, caller, form.certificate_id)
    challenges = state.application.challenges if state.application else ()
    if not challenges:
        raise not_now(state, "There is no challenge to publish yet; apply, and wait until `phase` is proving.")
    await services.lab.publish(challenges)
    await _look(services, caller, state.certificate_id)
    return say(ProofsView(items=challenges))
