"""Deployments as a form and as views: which issuance goes where, how far it is, and what handshakes told."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from api.roles import ACTING
from api.schemas.certificate import Reader
from api.schemas.model import Form, View, some
from certloom.domain.certificate import Action
from certloom.domain.deployment import MOST_TARGETS, DeploymentState, Trigger
from certloom.domain.look import Look, Sight
from certloom.domain.model import Utc
from certloom.domain.role import Role
from certloom.domain.target import Endpoint, TargetKind
from certloom.storage.records import DeploymentRecord, TargetRecord

TargetId = Annotated[str, StringConstraints(max_length=100)]


class DeploymentForm(Form):
    """The targets that shall serve the newest issuance; each goes its own way."""

    targets: Annotated[tuple[TargetId, ...], Field(max_length=MOST_TARGETS), AfterValidator(some)]


class SeenView(View):
    """What one address of an endpoint answered; `matches` says whether that is what this deployment puts there."""

    endpoint: Endpoint
    address: str | None
    sight: Sight
    fingerprint_sha256: str | None
    detail: str
    matches: bool


class DeploymentView(View):
    """One deployment. `issuance` and its fingerprint are null when what came from elsewhere is put back.

    `current`: the target was proven to serve this one, and nothing was proven there since. `served_before` is what
    its endpoints answered ahead of the first change, `seen` what they answered last.
    """

    id: str
    certificate_id: str
    target_id: str
    target_name: str
    kind: TargetKind
    issuance: int | None
    fingerprint_sha256: str | None
    trigger: Trigger
    actor: str
    state: DeploymentState
    current: bool
    started_at: Utc
    updated_at: Utc
    ended_at: Utc | None
    why: str | None
    seen: tuple[SeenView, ...]
    served_before: tuple[SeenView, ...]
    restores: str | None
    links: dict[str, str]


class DeploymentList(View):
    """The deployments that one request began, in its order."""

    items: tuple[DeploymentView, ...]


class DeploymentPage(View):
    """One page, newest first."""

    items: tuple[DeploymentView, ...]
    next_cursor: str | None


class Told(NamedTuple):
    """A deployment with what its row does not hold: its target, and the leaf that it puts there."""

    record: DeploymentRecord
    target: TargetRecord
    fingerprint_sha256: str | None

    @property
    def current(self) -> bool:
        """Whether its target was proven to serve this one, and nothing was proven there since."""
        gone = self.target.target.deleted_at is not None
        return (
            self.record.state is DeploymentState.DEPLOYED and self.target.deployment_id == self.record.id and not gone
        )


def deployment_view(told: Told, reader: Reader) -> DeploymentView:
    """Show a deployment to *reader*."""
    record, target = told.record, told.target.target
    return DeploymentView(
        id=record.id,
        certificate_id=record.certificate_id,
        target_id=record.target_id,
        target_name=target.name,
        kind=target.kind,
        issuance=record.number,
        fingerprint_sha256=told.fingerprint_sha256,
        trigger=record.trigger,
        actor=record.actor,
        state=record.state,
        current=told.current,
        started_at=record.started_at,
        updated_at=record.updated_at,
        ended_at=record.ended_at,
        why=record.why,
        seen=_seen(record.seen, told.fingerprint_sha256),
        served_before=_seen(record.served_before, told.fingerprint_sha256),
        restores=record.restores,
        links=_links(told, reader.role, reader.workflow_url),
    )


def _seen(looks: Sequence[Look] | None, wanted: str | None) -> tuple[SeenView, ...]:
    return tuple(
        SeenView(
            **look.model_dump(exclude={"endpoint", "serial", "names", "not_after"}),
            endpoint=look.endpoint,
            matches=wanted is not None and look.fingerprint_sha256 == wanted,
        )
        for look in looks or ()
    )


def _links(told: Told, role: Role, workflow_url: Callable[[str], str] | None) -> dict[str, str]:
    record = told.record
    base = f"/v1/deployments/{record.id}"
    links = {"self": base, "certificate": f"/v1/certificates/{record.certificate_id}"}
    if told.target.target.deleted_at is None:
        links["target"] = f"/v1/targets/{record.target_id}"
    if told.current and record.before is not None and role in ACTING[Action.DEPLOY]:
        links["rollback"] = f"{base}/rollback"
    if role is Role.OPERATOR and workflow_url:
        links["temporal_ui"] = workflow_url(record.id)
    return links
