"""Reads what somebody fills in about a target: settings and credentials by the models of its kind, fault by fault.

Values are never repeated in a fault, because any of them may be a key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import SecretStr, ValidationError

from api.problems import fault_words, pointer
from api.schemas.target import TargetForm
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.model import Model
from certloom.domain.target import CREDENTIALS, SETTINGS, Endpoint, NginxSshCredentials, TargetCredentials, TargetKind

_M = TypeVar("_M", bound=Model)

_KEY: Final = re.compile(r"-----BEGIN (?:OPENSSH |RSA |EC )?PRIVATE KEY-----\s")
_LOCKED: Final = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")
# What a pattern cannot say for itself.
_WORDS: Final = {
    "instance": "Write the name of a section in the host's targets file: letters, digits, dots, hyphens.",
    "user": "Write the name of a user on that machine: letters, digits, dots, underscores, hyphens.",
    "host_key": "Write the machine's public key as in known_hosts without the name, such as: ssh-ed25519 AAAA...",
    "domain": "Write a domain in lower case and ASCII, such as www.example.com; the CDN writes *. as a leading dot.",
    "region": "Write the id of a region, such as cn-hangzhou.",
    "load_balancer_id": "Write the load balancer's id, such as lb-bp1o94dp5i6earr9g6d1l.",
    "access_key_id": "Write the id of an access key: letters, digits, dots, underscores, hyphens.",
}
_SHAPES: Final = frozenset({"string_pattern_mismatch", "string_too_short", "string_too_long"})


class Place(NamedTuple):
    """A form that holds: the settings as one of TargetSettings, and what it is driven with."""

    settings: Any
    credentials: TargetCredentials | None


def read_place(form: TargetForm, others: Sequence[FieldFault] = ()) -> Place:
    """Return settings and credentials; raises InvalidInput with every fault of the form, and *others* before them."""
    settings, bad_settings = _read(SETTINGS[form.kind], form.settings, "settings")
    credentials, bad_credentials = _credentials(form.kind, form.credentials)
    faults = [*others, *bad_settings, *bad_credentials, *_endpoint_faults(form.endpoints)]
    if faults:
        raise InvalidInput(faults)
    return Place(settings, credentials)


def read_credentials(kind: TargetKind, given: Mapping[str, Any] | None) -> TargetCredentials:
    """Return what a target of a kind is driven with; raises InvalidInput, also for a kind that needs nothing."""
    needless = CREDENTIALS[kind] is None and given is None
    credentials, faults = _credentials(kind, {} if needless else given)
    if faults or credentials is None:
        raise InvalidInput(faults)
    return credentials


def _credentials(of: TargetKind, given: Mapping[str, Any] | None) -> tuple[TargetCredentials | None, list[FieldFault]]:
    kind = CREDENTIALS[of]
    if kind is None and given is None:
        return None, []
    if kind is None:
        detail = f"A target of the kind {of} needs no credentials; leave them out."
        return None, [_fault("credentials", code="credentials_needless", detail=detail)]
    if given is None:
        needed = " and ".join(kind.model_fields)
        detail = f"A target of the kind {of} needs credentials: {needed}."
        return None, [_fault("credentials", code="credentials_missing", detail=detail)]
    credentials, faults = _read(kind, given, "credentials")
    return credentials, faults or list(_secret_faults(credentials))


def _read(kind: type[_M], given: Mapping[str, Any], place: str) -> tuple[_M | None, list[FieldFault]]:
    if "kind" in given:  # it stands beside the settings, once
        return None, [_fault(place, "kind", code="extra_forbidden", detail="There is no such field; leave it out.")]
    try:
        return kind.model_validate(given, strict=True), []
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
    return None, [_fault(place, *_where(fault, place), code=fault["type"], detail=_say(fault)) for fault in faults]


def _where(fault: Mapping[str, Any], place: str) -> tuple[int | str, ...]:
    """Leave out an unknown name among credentials: who mixes name and value up would get a secret back in it."""
    hidden = place == "credentials" and fault["type"] == "extra_forbidden"
    return () if hidden else fault["loc"]


def _say(fault: Mapping[str, Any]) -> str:
    name = fault["loc"][0] if fault["loc"] else ""
    return _WORDS[name] if fault["type"] in _SHAPES and name in _WORDS else fault_words(fault)


def _secret_faults(credentials: TargetCredentials | None) -> Iterator[FieldFault]:
    for name in type(credentials).model_fields if credentials else ():
        value = getattr(credentials, name)
        secret = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not secret.strip():
            yield _fault("credentials", name, code="missing", detail="This is needed.")
        elif isinstance(credentials, NginxSshCredentials):
            yield from _key_faults(secret)


def _key_faults(text: str) -> Iterator[FieldFault]:
    """Find what is plainly no usable key; whether the machine accepts it, a test of the target tells."""
    if _LOCKED.search(text):
        detail = "This private key has a passphrase; give one without, made for this purpose alone."
        yield _fault("credentials", "private_key", code="key_encrypted", detail=detail)
    elif not _KEY.search(text):
        detail = "Give the private key in OpenSSH or PKCS#8 form, from -----BEGIN to -----END and with its line breaks."
        yield _fault("credentials", "private_key", code="key_unreadable", detail=detail)


def _endpoint_faults(endpoints: Sequence[Endpoint]) -> Iterator[FieldFault]:
    seen = set()
    for index, endpoint in enumerate(endpoints):
        place = (endpoint.host, endpoint.port, endpoint.sni)
        if place in seen:
            detail = f"The endpoint {endpoint} is given twice; leave one out."
            yield _fault("endpoints", index, code="endpoint_doubled", detail=detail)
        seen.add(place)


def _fault(*place: int | str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer=pointer(place), code=code, detail=detail)
