"""Reads what somebody fills in about a DNS zone: its name, settings and credentials, fault by fault.

Values are never repeated in a fault, because any of them may be a key; the name of the zone alone is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError

from api.problems import fault_words, pointer
from api.schemas.zone import ZoneAccess, ZoneForm
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.model import Model
from certloom.domain.names import read_names
from certloom.domain.zone import (
    CREDENTIALS,
    PROOF_LABELS,
    SETTINGS,
    VENDOR_OPTIONS,
    LexiconCredentials,
    LexiconSettings,
    Vendor,
    ZoneCredentials,
    ZoneKind,
)

_M = TypeVar("_M", bound=Model)

# What a pattern cannot say for itself.
_WORDS: Final = {
    "key_name": "Write the name of the TSIG key as the name server knows it, such as certloom-key.",
    "provider": f"Write one of: {', '.join(Vendor)}.",
    "algorithm": "Write hmac-sha256, hmac-sha384 or hmac-sha512.",
}
_SHAPES: Final = frozenset({"string_pattern_mismatch", "string_too_short", "string_too_long", "enum"})


class Access(NamedTuple):
    """How a zone is written, read from a form that holds: the settings as one of ZoneSettings, and the credentials."""

    settings: Any
    credentials: ZoneCredentials | None


def read_zone(
    form: ZoneForm, others: Sequence[FieldFault] = (), *, internal_suffixes: Collection[str] = ()
) -> tuple[str, Access]:
    """Return the zone's name in ASCII, and its access; raises InvalidInput with every fault, *others* before them."""
    zone, bad_name = read_zone_name(form.zone, internal_suffixes=internal_suffixes)
    return zone, read_access(form, [*others, *bad_name])


def read_access(form: ZoneAccess, others: Sequence[FieldFault] = ()) -> Access:
    """Return how the zone is written; raises InvalidInput with every fault of it, and *others* before them."""
    settings, bad_settings = _settings(form)
    credentials, bad_credentials = _credentials(form, settings)
    faults = [*others, *bad_settings, *bad_credentials]
    if faults:
        raise InvalidInput(faults)
    return Access(settings, credentials)


def read_zone_name(
    typed: str, *, internal_suffixes: Collection[str] = (), place: str = "zone"
) -> tuple[str, list[FieldFault]]:
    """Return a name as an A-label, and what is wrong with it: one must be able to own it, and stars are none's.

    A proof's own label may stand in front, for a zone that holds nothing else.
    """
    text = typed.strip().rstrip(".").lower()
    label = next((one for one in PROOF_LABELS if text.startswith(f"{one}.")), "")
    rest = text.removeprefix(f"{label}.")
    if "*" in rest:
        detail = "Write the zone itself, such as example.com, without a star."
        return "", [_fault(place, code="zone_starred", detail=detail)]
    if rest in internal_suffixes:
        return text, []
    names, faults = read_names([rest], internal_suffixes=internal_suffixes)
    again = [_fault(place, code=fault.code, detail=fault.detail) for fault in faults]
    return (f"{label}.{names[0]}" if label else names[0]) if names else "", again


def _settings(form: ZoneAccess) -> tuple[Any, list[FieldFault]]:
    return _read(SETTINGS[form.kind], form.settings, "settings")


def _credentials(form: ZoneAccess, settings: object) -> tuple[ZoneCredentials | None, list[FieldFault]]:
    kind = CREDENTIALS[form.kind]
    if kind is None and form.credentials is None:
        return None, []
    if kind is None:
        detail = f"A zone of the kind {form.kind} needs no credentials; leave them out."
        return None, [_fault("credentials", code="credentials_needless", detail=detail)]
    if form.credentials is None:
        detail = f"A zone of the kind {form.kind} needs credentials: {_needed(form.kind, settings)}."
        return None, [_fault("credentials", code="credentials_missing", detail=detail)]
    if form.kind is not ZoneKind.LEXICON:
        return _read(kind, form.credentials, "credentials")
    if not isinstance(settings, LexiconSettings):
        return None, []  # which options there are, its provider says
    return _options(settings.provider, form.credentials)


def _needed(kind: ZoneKind, settings: object) -> str:
    if kind is ZoneKind.RFC2136:
        return "secret"
    if isinstance(settings, LexiconSettings):
        return ", ".join(VENDOR_OPTIONS[settings.provider].needed)
    return "those of its provider"


def _options(vendor: Vendor, given: Mapping[str, Any]) -> tuple[LexiconCredentials | None, list[FieldFault]]:
    listed = VENDOR_OPTIONS[vendor]
    lacking = [name for name in listed.needed if name not in given]
    faults = [
        *_option_faults(vendor, given, {*listed.needed, *listed.optional}),
        *(_fault("credentials", name, code="missing", detail="This is needed.") for name in lacking),
    ]
    if faults:
        return None, faults
    try:
        return LexiconCredentials.model_validate({"options": dict(given)}, strict=True), []
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
    return None, [
        _fault("credentials", *fault["loc"][1:], code=fault["type"], detail=fault_words(fault)) for fault in found
    ]


def _option_faults(vendor: Vendor, given: Mapping[str, Any], allowed: Collection[str]) -> Iterator[FieldFault]:
    """Name no unknown option: who mixes name and value up would get a secret back in it."""
    if not set(given) <= set(allowed):
        detail = f"For {vendor} these may be given, and nothing else: {', '.join(sorted(allowed))}."
        yield _fault("credentials", code="extra_forbidden", detail=detail)


def _read(kind: type[_M], given: Mapping[str, Any], place: str) -> tuple[_M | None, list[FieldFault]]:
    if "kind" in given:  # it stands beside the settings, once
        return None, [_fault(place, "kind", code="extra_forbidden", detail="There is no such field; leave it out.")]
    try:
        return kind.model_validate(given), []
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
    return None, [_fault(place, *_where(fault, place), code=fault["type"], detail=_say(fault)) for fault in faults]


def _where(fault: Mapping[str, Any], place: str) -> tuple[int | str, ...]:
    """Leave out an unknown name among credentials, as above."""
    hidden = place == "credentials" and fault["type"] == "extra_forbidden"
    return () if hidden else tuple(fault["loc"])


def _say(fault: Mapping[str, Any]) -> str:
    name = fault["loc"][0] if fault["loc"] else ""
    return _WORDS[name] if fault["type"] in _SHAPES and name in _WORDS else fault_words(fault)


def _fault(*place: int | str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer=pointer(place), code=code, detail=detail)
