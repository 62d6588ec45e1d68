"""/targets/{id}/credentials: a new key for a target; a refusal keeps what was typed but secrets."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import target_credentials
from api.auth import Writer
from api.case import AnyServices
from api.console.faults import mark
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.target_kinds import KINDS, read
from api.idempotency import AnyOnce
from api.schemas.target import CredentialsForm
from api.targets import find_target
from certloom.domain.target import Target


class CredentialsRoute(SamePageRoute):
    """The form of one target."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show it; secrets have to be typed again."""
        services, caller = request.app.state.services, request.state.caller
        return _page(request, (await find_target(services, caller, request.path_params["target_id"])).target, refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=CredentialsRoute)


@router.get("/targets/{target_id}/credentials")
async def read_form(target_id: str, request: Request, services: AnyServices, caller: Writer) -> Response:
    """Show the form; a target that needs no credentials has none."""
    target = (await find_target(services, caller, target_id)).target
    return _page(request, target) if KINDS[target.kind].credentials else go(f"/targets/{target.id}")


@forms.post("/targets/{target_id}/credentials")
async def change(target_id: str, request: Request, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Keep them, then show the target: it can be tried there."""
    entries = KINDS[(await find_target(services, caller, target_id)).target.kind].credentials
    given = read(entries, {entry.name: field(request, f"credentials.{entry.name}") for entry in entries})
    form = build(CredentialsForm, {"credentials": given})
    await target_credentials.change_credentials(target_id, form, services, caller, once)
    return go(f"/targets/{target_id}?said=changed")


def _page(request: Request, target: Target, refused: Refused | None = None) -> Response:
    entries = KINDS[target.kind].credentials
    names = [f"credentials.{one.name}" for one in entries]
    return show(
        request,
        "target_credentials.html",
        status=refused.status if refused else 200,
        target=target,
        kind=KINDS[target.kind],
        parts={"credentials": entries},
        given={name: field(request, name) if refused else "" for name in names},  # secrets are left out by the page
        refused=refused,
        marks=mark(refused.faults if refused else (), names),
    )
