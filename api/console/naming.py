"""/certificates/{id}/names: what becomes of each name while somebody types, by the rules of the application."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import Member
from api.case import AnyServices, find, say
from api.console.forms import field
from api.console.route import PageRoute
from api.schemas.model import View
from api.services import Services
from certloom.domain.errors import FieldFault
from certloom.domain.names import read_names, to_display
from certloom.domain.product import name_faults

MOST: Final = 200  # names that are looked at while typing

router = APIRouter(route_class=PageRoute)


class NameView(View):
    """One name: as typed, as it will be certified and as people read it where that differs, or why not."""

    typed: str
    name: str | None = None
    shown: str | None = None
    why: str | None = None


class NamesView(View):
    """Every name in the order typed, and what is wrong with all of them together."""

    names: tuple[NameView, ...]
    why: tuple[str, ...]


@router.post("/certificates/{certificate_id}/names")
async def read(certificate_id: str, request: Request, services: AnyServices, caller: Member) -> Response:
    """Look at the names without applying; nothing is kept."""
    state = await find(services, caller, certificate_id)
    typed = split(field(request, "names"))[:MOST]
    found = [_name(text, services) for text in typed]
    good = [one.name for one in found if one.name]
    faults = name_faults(state.product, good) if state.product and good else []
    return say(_judged(found, faults))


def split(text: str) -> list[str]:
    """Return the names in a field that holds one on each line, or several with commas or spaces between."""
    return text.replace(",", " ").split()


def _name(text: str, services: Services) -> NameView:
    names, faults = read_names(
        [text], internal_suffixes=services.internal_suffixes, internal_networks=services.internal_networks
    )
    if faults:
        return NameView(typed=text, why=faults[0].detail)
    shown = to_display(names[0])
    return NameView(typed=text, name=names[0], shown=shown if shown != names[0] else None)


def _judged(found: Sequence[NameView], faults: Sequence[FieldFault]) -> NamesView:
    """Say what the product objects to beside the name it is about; its index counts the good names."""
    good = [index for index, one in enumerate(found) if one.name]
    names, together = list(found), []
    for fault in faults:
        index = fault.pointer.removeprefix("/names").strip("/")
        if index:
            names[good[int(index)]] = NameView(typed=names[good[int(index)]].typed, why=fault.detail)
        else:
            together.append(fault.detail)
    return NamesView(names=tuple(names), why=tuple(together))
