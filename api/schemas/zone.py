"""DNS zones as a form and as views: where proofs are published by us. Credentials only come in."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from api.schemas.model import Form, View
from certloom.domain.model import Model, Utc
from certloom.domain.zone import CREDENTIALS, SETTINGS, VENDOR_OPTIONS, DnsZone, ZoneKind

_WHOSE: Final = "Whose zone it is; only operators name an account."


def _fields(models: Mapping[ZoneKind, type[Model] | None]) -> str:
    """List the fields of every kind, for the reference; a question mark follows those that may be left out."""
    lists = {kind: list(_names(model)) for kind, model in models.items() if model is not None}
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in lists.items() if names) + "."


def _names(model: type[Model]) -> Iterable[str]:
    fields = model.model_fields.items()
    return [name + ("" if field.is_required() else "?") for name, field in fields if name != "kind"]


def _vendors() -> str:
    """List what each vendor's API needs."""
    return "; ".join(
        f"{vendor}: {', '.join((*options.needed, *(f'{name}?' for name in options.optional)))}"
        for vendor, options in VENDOR_OPTIONS.items()
    )


_SECRETS: Final = f"Never shown again. rfc2136: secret; lexicon, by provider: {_vendors()}."
ZoneName = Annotated[str, StringConstraints(max_length=1024)]
Settings = Annotated[dict[str, Any], Field(description=_fields(SETTINGS))]
Secrets = Annotated[dict[str, Any] | None, Field(repr=False, description=_SECRETS)]
AccountId = Annotated[str, StringConstraints(max_length=100)]


class ZoneAccess(Form):
    """How a DNS zone is written; `settings` and `credentials` are those of its `kind`."""

    kind: ZoneKind
    settings: Settings = Field(default_factory=dict)
    credentials: Secrets = None


class ZoneForm(ZoneAccess):
    """A DNS zone, and how it is written."""

    zone: ZoneName
    account_id: Annotated[AccountId | None, Field(description=_WHOSE)] = None


class ZoneView(View):
    """A zone without its credentials."""

    id: str
    account_id: str
    zone: str
    kind: ZoneKind
    settings: dict[str, Any]
    has_credentials: bool
    created_at: Utc
    links: dict[str, str]


class ZonePage(View):
    """One page, newest first."""

    items: tuple[ZoneView, ...]
    next_cursor: str | None


class ZoneTriedView(View):
    """What came of writing a record into the zone and taking it away again; `detail` is a sentence."""

    works: bool
    detail: str


class AliasView(View):
    """The record to publish, once: it stays for all renewals."""

    name: str
    type: str = "CNAME"
    value: str


class DelegationView(View):
    """How proofs of a name are led into the service's own zone."""

    name: str
    record: AliasView


def zone_view(zone: DnsZone) -> ZoneView:
    """Show a zone."""
    base = f"/v1/zones/{zone.id}"
    return ZoneView(
        id=zone.id,
        account_id=zone.account_id,
        zone=zone.zone,
        kind=zone.kind,
        settings=zone.settings.model_dump(mode="json", exclude={"kind"}),
        has_credentials=CREDENTIALS[zone.kind] is not None and zone.deleted_at is None,
        created_at=zone.created_at,
        links={"self": base, "test": f"{base}/test"},
    )
