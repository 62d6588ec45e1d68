"""Targets as a form and as views: where certificates are put, and what was seen there. Credentials only come in."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints

from api.schemas.model import Form, View, one_line, some
from certloom.domain.look import Finding, Look, Sight, Tried
from certloom.domain.model import Model, Utc
from certloom.domain.target import CREDENTIALS, MOST_ENDPOINTS, SETTINGS, Endpoint, Target, TargetKind
from certloom.storage.records import DeploymentRecord, TargetRecord

SLOWEST: Final = int(Target.SLOWEST.total_seconds())
_REACHED: Final = (Sight.SERVED, Sight.NO_CERTIFICATE)


def _fields(models: Mapping[TargetKind, type[Model] | None]) -> str:
    """List the fields of every kind, for the reference; a question mark follows those that may be left out."""
    lists = {kind: _names(model) for kind, model in models.items() if model is not None}
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in lists.items()) + "."


def _names(model: type[Model]) -> Iterable[str]:
    fields = model.model_fields.items()
    return [name + ("" if field.is_required() else "?") for name, field in fields if name != "kind"]


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(one_line)]
Settings = Annotated[dict[str, Any], Field(description=_fields(SETTINGS))]
Secrets = Annotated[dict[str, Any] | None, Field(repr=False, description=f"Never shown again. {_fields(CREDENTIALS)}")]
Endpoints = Annotated[tuple[Endpoint, ...], Field(max_length=MOST_ENDPOINTS), AfterValidator(some)]
ProveWithin = Annotated[int, Field(ge=1, le=SLOWEST, strict=True)]
AccountId = Annotated[str, StringConstraints(max_length=100)]
_PATIENCE: Final = "Seconds until every endpoint serves a new leaf; each kind has its own default."
_WHOSE: Final = "Whose target it is; only operators name an account."


class TargetForm(Form):
    """A place to deploy to; `settings` and `credentials` are those of its `kind`."""

    name: Name
    kind: TargetKind
    settings: Settings
    credentials: Secrets = None
    endpoints: Endpoints
    prove_within: Annotated[ProveWithin | None, Field(description=_PATIENCE)] = None
    account_id: Annotated[AccountId | None, Field(description=_WHOSE)] = None


class CredentialsForm(Form):
    """What a target is driven with from now on."""

    credentials: Secrets = None


class ServingView(View):
    """The deployment that every endpoint was last seen to serve, and the issuance it put there."""

    id: str
    certificate_id: str
    number: int | None


class TargetView(View):
    """A target without its credentials. `prove_within` is in seconds; `looks` is what the watch saw last."""

    id: str
    account_id: str
    name: str
    kind: TargetKind
    settings: dict[str, Any]
    has_credentials: bool
    endpoints: tuple[Endpoint, ...]
    host: str | None
    prove_within: int
    created_at: Utc
    deleted_at: Utc | None
    deployment: ServingView | None
    looked_at: Utc | None
    looks: tuple[Look, ...]
    links: dict[str, str]


class TargetPage(View):
    """One page, newest first."""

    items: tuple[TargetView, ...]
    next_cursor: str | None


class TriedView(View):
    """What came of trying; `works` says that nothing stands in the way of a deployment, as far as can be seen."""

    findings: tuple[Finding, ...]
    endpoints: tuple[Look, ...]
    works: bool


def target_view(record: TargetRecord, served: DeploymentRecord | None) -> TargetView:
    """Show a target; *served* is the deployment that was proven there last."""
    target = record.target
    return TargetView(
        id=target.id,
        account_id=target.account_id,
        name=target.name,
        kind=target.kind,
        settings=target.settings.model_dump(mode="json", exclude={"kind"}),
        has_credentials=CREDENTIALS[target.kind] is not None and target.deleted_at is None,
        endpoints=target.endpoints,
        host=target.host,
        prove_within=int(target.prove_within.total_seconds()),
        created_at=target.created_at,
        deleted_at=target.deleted_at,
        deployment=_serving(served),
        looked_at=record.looked_at,
        looks=record.looks or (),
        links=_links(target, served),
    )


def tried_view(tried: Tried) -> TriedView:
    """Show what was found. An endpoint that gives no certificate yet may be waiting for its first one."""
    reached = all(look.sight in _REACHED for look in tried.looks)
    works = reached and all(finding.works for finding in tried.findings)
    return TriedView(findings=tried.findings, endpoints=tried.looks, works=works)


def _serving(served: DeploymentRecord | None) -> ServingView | None:
    if served is None:
        return None
    return ServingView(id=served.id, certificate_id=served.certificate_id, number=served.number)


def _links(target: Target, served: DeploymentRecord | None) -> dict[str, str]:
    base = f"/v1/targets/{target.id}"
    links = {"self": base, "test": f"{base}/test"}
    if served:
        links |= {
            "deployment": f"/v1/deployments/{served.id}",
            "certificate": f"/v1/certificates/{served.certificate_id}",
        }
    return links
