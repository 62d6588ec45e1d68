"""One certificate as a route meets it: found for this caller, commanded through its workflow, shown from its row."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated, Any, Final, TypedDict

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.auth import AnyCaller, Caller, require
from api.etag import etag, require_version
from api.idempotency import AnyOnce, Once
from api.proof import proof_of
from api.roles import ACTING
from api.schemas.certificate import Reader, certificate_view
from api.services import ANSWER_WITHIN, Services
from certloom.domain import command as c
from certloom.domain.certificate import Action, Phase
from certloom.domain.errors import NotAllowedNow, NotFound, Outage
from certloom.domain.rights import check, not_now
from certloom.domain.role import Role
from certloom.domain.state import CertificateState

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LAG_PAUSE: Final = timedelta(seconds=0.5)  # until a workflow that lags behind its row is asked again
_LOST_PAUSE: Final = 60  # s: workers/reconcile restarts what has no workflow about as often
_RENAMING: Final = frozenset({Role.MEMBER})


class Stamp(TypedDict):
    """What every command carries."""

    request_id: str
    actor: str
    requested_at: datetime


@dataclass(frozen=True)
class Seen:
    """A certificate that this caller may see."""

    services: Services
    caller: Caller
    state: CertificateState
    now: datetime

    @property
    def id(self) -> str:
        """The certificate's id."""
        return self.state.certificate_id


@dataclass(frozen=True)
class Case(Seen):
    """A certificate that this caller asks something of."""

    once: Once

    def stamp(self) -> Stamp:
        """Say who asks, when, and under which id: the same for every attempt under one Idempotency-Key."""
        return Stamp(request_id=self.once.id("req"), actor=self.caller.key_id, requested_at=self.now)


def services_of(request: Request) -> Services:
    """Return what the application was built with."""
    services: Services = request.app.state.services
    return services


AnyServices = Annotated[Services, Depends(services_of)]


def is_id(text: str) -> bool:
    """Whether *text* can be an id at all; what cannot is asked of no database."""
    return _ID.fullmatch(text) is not None


async def find(services: Services, caller: Caller, certificate_id: str) -> CertificateState:
    """Return the state; raises NotFound for an unknown certificate and for another account's alike."""
    state = None
    if is_id(certificate_id):
        async with services.storage.read() as tables:
            state = await tables.certificates.get(certificate_id)
    if state is None or not caller.sees(state.account_id):
        raise NotFound("There is no such certificate.")
    return state


async def seeing(certificate_id: str, services: AnyServices, caller: AnyCaller) -> Seen:
    """Find the certificate that a route shows."""
    state = await find(services, caller, certificate_id)
    return Seen(services, caller, state, services.clock())


def asking(action: Action | None) -> Callable[..., Coroutine[Any, Any, Case]]:
    """Build the dependency of a route that asks for *action*; None is for the label, which is the customer's own."""
    roles = ACTING[action] if action else _RENAMING

    async def case(
        certificate_id: str,
        services: AnyServices,
        caller: AnyCaller,
        once: AnyOnce,
        if_match: Annotated[str | None, Header(description="Only at this version, else 412.")] = None,
    ) -> Case:
        require(caller, roles)
        state = await find(services, caller, certificate_id)
        if not once.repeated:  # the first attempt may have moved the version itself
            require_version(if_match, state.version)
        return Case(services, caller, state, services.clock(), once)

    return case


async def steer(case: Case, command: c.Command, *, status: int = 200) -> Response:
    """Send a command and show what came of it; 202 when no answer came in time."""
    if await carried_out(case, command):
        return await show(case, status)
    return await show(case, 202)


def require_open(case: Case) -> None:
    """Refuse before anything is kept for a certificate that is deleted, or is being deleted."""
    if case.state.closed or case.state.phase is Phase.DELETING:
        raise not_now(case.state, "This certificate is deleted.")


async def carried_out(case: Case, command: c.Command) -> bool:
    """Send a command; False when it is accepted and takes longer. Raises what the rules refuse, and Outage."""
    if case.state.closed:
        raise not_now(case.state, "This certificate is deleted.")
    try:
        answer = await _sent(case, command)
    except NotFound as error:
        raise await _explained(case, error) from error
    case.once.settled = answer.version is not None
    return case.once.settled


async def _sent(case: Case, command: c.Command) -> c.Accepted:
    """Send it; a refusal counts only from a workflow that knows what the rows say.

    When a worker dies between an activity's transaction and its answer, the row is ahead for some seconds, and what the
    caller read there is true.
    """
    until = monotonic() + ANSWER_WITHIN.total_seconds()
    while monotonic() < until:
        try:
            return await case.services.client.send(case.id, command)
        except NotAllowedNow as refusal:
            row = await find(case.services, case.caller, case.id)
            if row.version <= refusal.version and not await _has_ended(case, row):
                raise
        await asyncio.sleep(_LAG_PAUSE.total_seconds())
    raise Outage("the certificate is just changing", retry_after=_LAG_PAUSE.total_seconds())


async def require_allowed(case: Case, command: c.Command) -> None:
    """Refuse by the row what the workflow would refuse too, before anything is kept for it; a repeated attempt passes.

    So does one that waits for a deployment of which only the certificate has not heard yet that it ended.
    """
    if case.once.repeated:  # the first attempt may have changed the state itself
        return
    try:
        check(command, case.state, case.now)
    except NotAllowedNow:
        if not await _has_ended(case, case.state):
            raise


async def _has_ended(case: Case, row: CertificateState) -> bool:
    """Whether a deployment that counts as under way has ended: its certificate is about to hear of it."""
    async with case.services.storage.read() as tables:
        records = [await tables.deployments.get(one) for one in row.deploying]
    return any(record is not None and record.ended for record in records)


async def _explained(case: Case, error: NotFound) -> Exception:
    """No workflow runs: it ended meanwhile, or it is lost and will be restarted from the row."""
    state = await find(case.services, case.caller, case.id)
    if state.closed:
        return not_now(state, "This certificate is deleted.")
    return Outage(f"no workflow runs for this certificate: {error.detail}", retry_after=_LOST_PAUSE)


async def show(seen: Seen, status: int = 200, *, location: bool = False) -> Response:
    """Answer with the certificate as its row stands now."""
    async with seen.services.storage.read() as tables:
        state = await tables.certificates.get(seen.id) or seen.state
        proofs = await proof_of(tables, state)
    view = certificate_view(state, proofs, reader(seen.services, seen.caller))
    headers = {"ETag": etag(view), **CACHED}
    return say(view, status, headers | ({"Location": view.links["self"]} if location else {}))


def say(view: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a view as JSON."""
    return Response(view.model_dump_json(), status_code=status, headers=headers, media_type="application/json")


def reader(services: Services, caller: Caller) -> Reader:
    """Say for whom views are made."""
    ui, namespace = services.temporal_ui_url, services.temporal_namespace

    def workflow_url(subject_id: str) -> str:
        return f"{ui}/namespaces/{namespace}/workflows/{services.client.name_of(subject_id)}"

    return Reader(caller.role, services.clock(), workflow_url if ui else None)


CACHED: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""A view may be kept by its reader alone, and is asked about each time (RFC 9111 5.2.2)."""
