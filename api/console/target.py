"""/targets/{id}: one place: how it is set up, what it serves and took before; it is tried and forgotten here."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import target_deletion, targets
from api.auth import AnyCaller, Writer
from api.case import AnyServices, reader
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.target_kinds import KINDS
from api.console.words import title
from api.deployed import Shelf
from api.idempotency import AnyOnce
from api.schemas.application import Proofs
from api.schemas.certificate import Reader, certificate_view
from api.schemas.deployment import DeploymentView, deployment_view
from api.schemas.target import TargetView, target_view
from api.services import Services
from api.targets import find_target
from certloom.storage.interface import Transaction
from certloom.storage.records import DeploymentRecord

RECENT: Final = 20  # deployments
_SAID: Final = {
    "added": "The target is added; nothing was sent there yet. Try it, then deploy a certificate to it.",
    "changed": "The credentials are changed, and the old ones are destroyed here. Try it before the next renewal.",
}


class Place(NamedTuple):
    """All that the page shows of one target, read together; `names` are those of the certificates in it."""

    view: TargetView
    deployments: Sequence[DeploymentView]
    names: Mapping[str, str]


class TargetRoute(SamePageRoute):
    """Forms about a target, whose page tells what came of them."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the target."""
        return await _page(request, refused=refused)

    async def finish(self, request: Request, response: Response) -> Response:
        """Show what was found."""
        return await _page(request, tried=json.loads(bytes(response.body)))


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=TargetRoute)


@router.get("/targets/{target_id}")
async def read_target(target_id: str, request: Request, caller: AnyCaller, said: str = "") -> Response:  # noqa: ARG001 - the page finds both
    """Show one of one's own, or any for operators."""
    return await _page(request, said=_SAID.get(said))


@forms.post("/targets/{target_id}/test")
async def try_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Try it without changing anything."""
    return await targets.try_target(target_id, services, caller, once)


@forms.post("/targets/{target_id}/delete")
async def delete_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Forget it."""
    await target_deletion.delete_target(target_id, services, caller, once)
    return go("/targets?said=forgotten")


async def _page(
    request: Request,
    *,
    said: str | None = None,
    refused: Refused | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:
    services: Services = request.app.state.services
    place = await _tell(request, services)
    return show(
        request,
        "target.html",
        status=refused.status if refused else 200,
        place=place,
        target=place.view,
        kind=KINDS[place.view.kind],
        said=said,
        refused=refused,
        tried=tried,
        most=RECENT,
    )


async def _tell(request: Request, services: Services) -> Place:
    """Read everything in one transaction; raises NotFound for what is unknown, foreign or forgotten."""
    caller = request.state.caller
    record = await find_target(services, caller, request.path_params["target_id"])
    async with services.storage.read() as tables:
        served = await tables.deployments.get(record.deployment_id) if record.deployment_id else None
        recent = await tables.deployments.of_target(record.target.id, limit=RECENT)
        shelf, who = Shelf(tables), reader(services, caller)
        told = [deployment_view(await shelf.tell(one), who) for one in recent]
        names = await _names(tables, [*recent, *([served] if served else [])], who)
    return Place(target_view(record, served), told, names)


async def _names(tables: Transaction, deployments: Sequence[DeploymentRecord], who: Reader) -> dict[str, str]:
    found = [await tables.certificates.get(one) for one in dict.fromkeys(past.certificate_id for past in deployments)]
    return {state.certificate_id: title(certificate_view(state, Proofs(), who)) for state in found if state}
