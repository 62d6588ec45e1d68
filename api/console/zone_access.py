"""The part of a form that says how a DNS zone is written, as the table of its kind has it; secrets only come in."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from api.console.forms import field
from api.console.target_kinds import Entry, Kind, Shape, read
from api.console.zone_kinds import kind_of
from certloom.domain.zone import Vendor, ZoneKind

PROVIDER = "settings.provider"


def known_kind(name: str, provider: str) -> Kind | None:
    """Return what a kind asks for, and of that of a vendor; None when there is none of that name."""
    if name not in list(ZoneKind):
        return None
    return kind_of(ZoneKind(name), Vendor(provider) if provider in list(Vendor) else None)


def access_of(request: Request, name: str, provider: str) -> dict[str, Any]:
    """Return kind, settings and credentials as the API's form has them; what is wrong is for the API to say."""
    kind = known_kind(name, provider)
    settings = _part(request, "settings", kind.settings if kind else ())
    return {
        "kind": name,
        "settings": {**settings, "provider": provider} if provider else settings,
        "credentials": _part(request, "credentials", kind.credentials) if kind and kind.credentials else None,
    }


def parts_of(kind: Kind | None) -> Mapping[str, Sequence[Entry]]:
    """Return the fields of the form by the part that they belong to."""
    return {"settings": kind.settings, "credentials": kind.credentials} if kind else {}


def shapes_of(kind: Kind | None) -> dict[str, Shape]:
    """Return the shape of each field by its name in the form."""
    return {f"{part}.{one.name}": one.shape for part, entries in parts_of(kind).items() for one in entries}


def _part(request: Request, part: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return read(entries, {entry.name: field(request, f"{part}.{entry.name}") for entry in entries})
