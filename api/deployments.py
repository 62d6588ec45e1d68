"""/v1/certificates/{id}/deployments and /v1/deployments/{id}: put issuances on targets, and follow how it goes."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from api.auth import AnyCaller
from api.case import (
    CACHED,
    AnyServices,
    Case,
    Seen,
    asking,
    carried_out,
    reader,
    require_allowed,
    require_open,
    say,
    seeing,
)
from api.certificates import PAGE, Cursor, Limit
from api.deployed import Shelf, announced, begun, find_deployment
from api.etag import content_tag, matches
from api.idempotency import IdempotentRoute
from api.schemas.deployment import DeploymentForm, DeploymentList, DeploymentPage, DeploymentView, deployment_view
from certloom.domain import command as c
from certloom.domain.certificate import Action
from certloom.domain.deployment import Trigger
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.state import CertificateState
from certloom.domain.target import Endpoint, Target, covers
from certloom.storage.records import TargetRecord

router = APIRouter(tags=["Deployments"], route_class=IdempotentRoute)

OF_CERTIFICATE: Final = "/certificates/{certificate_id}/deployments"
_SHOWN: Final = 3  # names in a sentence


@router.post(OF_CERTIFICATE, status_code=202, response_model=DeploymentList, summary="Deploy to targets")
async def deploy(case: Annotated[Case, Depends(asking(Action.DEPLOY))], form: DeploymentForm) -> Response:
    """Put the newest issuance on each target; every one is proven by a handshake or put back as it was."""
    stem = case.once.id("dep")
    items = [c.DeployItem(deployment_id=f"{stem}_{n}", target_id=one) for n, one in enumerate(form.targets, start=1)]
    if not (case.once.repeated and await begun(case, items[0].deployment_id)):
        require_open(case)
        await require_allowed(case, _command(case, items))  # so that the names are those of an issued certificate
        targets = await _targets(case, form)
        items = [item.model_copy(update={"host": target.host}) for item, target in zip(items, targets, strict=True)]
        await carried_out(case, _command(case, items))
    return await _show_all(case, items)


@router.get(OF_CERTIFICATE, response_model=DeploymentPage, summary="Where it is and was deployed")
async def list_deployments(
    seen: Annotated[Seen, Depends(seeing)], limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the certificate's deployments, newest first."""
    who = reader(seen.services, seen.caller)
    async with seen.services.storage.read() as tables:
        page = await tables.deployments.of_certificate(seen.id, limit=limit, cursor=cursor)
        shelf = Shelf(tables)
        items = [deployment_view(await shelf.tell(record), who) for record in page.items]
    return say(DeploymentPage(items=tuple(items), next_cursor=page.next_cursor))


@router.get("/deployments/{deployment_id}", response_model=DeploymentView, summary="Show one deployment")
async def read_deployment(
    deployment_id: str,
    services: AnyServices,
    caller: AnyCaller,
    if_none_match: Annotated[str | None, Header(description="The ETag at hand; 304 when it is still right.")] = None,
) -> Response:
    """Show how far it is and what was seen; cheap to ask again and again."""
    view = deployment_view(await find_deployment(services, caller, deployment_id), reader(services, caller))
    headers = {"ETag": content_tag(view), **CACHED}
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return say(view, headers=headers)


def _command(case: Case, items: Sequence[c.DeployItem]) -> c.Deploy:
    return c.Deploy(**case.stamp(), items=tuple(items))


async def _targets(case: Case, form: DeploymentForm) -> list[Target]:
    """Return the targets; raises InvalidInput at /targets/<index> for each that cannot take this certificate."""
    async with case.services.storage.read() as tables:
        found = [await tables.targets.get(target_id) for target_id in form.targets]
    ours = [_ours(record, case.state) for record in found]
    faults = list(_faults(case.state, form.targets, ours))
    if faults:
        raise InvalidInput(faults)
    return [target for target in ours if target is not None]


def _ours(record: TargetRecord | None, state: CertificateState) -> Target | None:
    if record is None or record.target.deleted_at is not None or record.target.account_id != state.account_id:
        return None
    return record.target


def _faults(state: CertificateState, wanted: Sequence[str], targets: Sequence[Target | None]) -> Iterator[FieldFault]:
    for index, (target_id, target) in enumerate(zip(wanted, targets, strict=True)):
        place = f"/targets/{index}"
        if target is None:
            detail = "The certificate's account has no such target."
            yield FieldFault(pointer=place, code="target_unknown", detail=detail)
        elif target_id in wanted[:index]:
            yield FieldFault(pointer=place, code="target_doubled", detail="This target is named twice; leave one out.")
        else:
            bare = [endpoint for endpoint in target.endpoints if not _covered(state.names, endpoint)]
            for endpoint in bare:
                yield FieldFault(pointer=place, code="name_not_covered", detail=_uncovered(endpoint, target, state))


def _covered(names: Sequence[str], endpoint: Endpoint) -> bool:
    """A client that is given an address as the name sends no SNI (RFC 6066 3), so there is nothing to hold it to."""
    name = endpoint.sni.removesuffix(".")
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return covers([one.lower() for one in names], name)
    return True


def _uncovered(endpoint: Endpoint, target: Target, state: CertificateState) -> str:
    names = ", ".join(state.names[:_SHOWN]) + (", ..." if len(state.names) > _SHOWN else "")
    return (
        f"The endpoint {endpoint} of {target.name} is asked for {endpoint.sni}, and this certificate is for {names} "
        "only. Deploy one that covers it, or add the target anew with the server_name that is served there."
    )


async def _show_all(case: Case, items: Sequence[c.DeployItem]) -> Response:
    who, number = reader(case.services, case.caller), case.state.issuance.number if case.state.issuance else None
    async with case.services.storage.read() as tables:
        rows = [await tables.deployments.get(item.deployment_id) for item in items]
        shelf = Shelf(tables)
        told = [
            await shelf.tell(row or announced(case, item, number=number, trigger=Trigger.REQUEST))
            for row, item in zip(rows, items, strict=True)
        ]
    return say(DeploymentList(items=tuple(deployment_view(one, who) for one in told)), 202)
