"""/targets/new: choose a kind, fill in its form; what was refused comes back with all that was typed but secrets."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import targets
from api.auth import Caller, Writer
from api.case import AnyServices
from api.console.endpoints import by_line, read_endpoints
from api.console.faults import mark
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.target_kinds import KINDS, Entry, Kind, Shape, number, read
from api.idempotency import KeyedOnce
from api.schemas.target import TargetForm
from api.services import Services
from api.target_form import read_place
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.role import Role
from certloom.domain.target import MOST_ENDPOINTS, PROVE_WITHIN, TargetKind

_HIDDEN: Final = (Shape.HIDDEN, Shape.HIDDEN_LINES)
_FIELDS: Final = ("name", "account_id", "endpoints", "prove_within")


class AddRoute(SamePageRoute):
    """The form of a new target."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show it; secrets have to be typed again."""
        return _page(request, field(request, "kind"), refused=refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=AddRoute)


@router.get("/targets/new")
async def choose_kind(request: Request, caller: Writer, kind: str = "") -> Response:  # noqa: ARG001 - it has to be one
    """Show the kinds that this role may add, and the form of the chosen one."""
    return _page(request, kind)


@forms.post("/targets")
async def add_target(request: Request, services: AnyServices, caller: Writer, once: KeyedOnce) -> Response:
    """Keep it, then show it: it can be tried there."""
    await targets.add_target(_form(request), services, caller, once)
    return go(f"/targets/{once.id('tgt')}?said=added")


def _form(request: Request) -> TargetForm:
    """Return the API's form; raises InvalidInput with all its faults, those of its parts too."""
    values = _values(request)
    values["endpoints"], faults = read_endpoints(field(request, "endpoints"))
    try:
        form = build(TargetForm, values)
    except InvalidInput as error:
        whole = [one for one in error.faults if not (faults and one.pointer == "/endpoints")]
        raise InvalidInput([*whole, *faults, *_faults_of_parts(values)]) from error
    if faults:
        raise InvalidInput([*faults, *_faults_of_parts(values)])
    return form


def _faults_of_parts(values: dict[str, Any]) -> Sequence[FieldFault]:
    if values["kind"] not in list(TargetKind):
        return ()
    parts = {"settings": values["settings"], "credentials": values["credentials"]}
    try:
        read_place(TargetForm.model_construct(kind=TargetKind(values["kind"]), endpoints=(), **parts))
    except InvalidInput as error:
        return error.faults
    return ()


def _values(request: Request) -> dict[str, Any]:
    """Put the fields together as the API takes them, but the endpoints."""
    kind = _kind(KINDS, field(request, "kind"))
    return {
        "name": field(request, "name"),
        "kind": field(request, "kind"),
        "account_id": field(request, "account_id"),
        "settings": _part(request, "settings", kind.settings if kind else ()),
        "credentials": _part(request, "credentials", kind.credentials) if kind and kind.credentials else None,
        "prove_within": number(field(request, "prove_within")),
    }


def _part(request: Request, part: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return read(entries, {entry.name: field(request, f"{part}.{entry.name}") for entry in entries})


def _kind(kinds: Mapping[TargetKind, Kind], name: str) -> Kind | None:
    return kinds[TargetKind(name)] if name in list(kinds) else None


def _offered(services: Services, caller: Caller) -> dict[TargetKind, Kind]:
    everything = caller.role is Role.OPERATOR
    return {kind: told for kind, told in KINDS.items() if everything or kind in services.member_kinds}


def _page(request: Request, chosen: str, *, refused: Refused | None = None) -> Response:
    kinds = _offered(request.app.state.services, request.state.caller)
    kind = _kind(kinds, chosen)
    parts = {"settings": kind.settings, "credentials": kind.credentials} if kind else {}
    shapes = {f"{part}.{one.name}": one.shape for part, entries in parts.items() for one in entries}
    shown = [*_FIELDS, *(name for name, shape in shapes.items() if shape not in _HIDDEN)]
    return show(
        request,
        "target_add.html",
        status=refused.status if refused else 200,
        kinds=kinds,
        kind=kind,
        chosen=chosen,
        parts=parts,
        given={name: field(request, name) for name in shown},
        refused=refused,
        marks=mark(by_line(refused.faults if refused else (), field(request, "endpoints")), [*_FIELDS, *shapes]),
        patience=int(PROVE_WITHIN[TargetKind(chosen)].total_seconds()) if kind else 0,
        most=MOST_ENDPOINTS,
    )
