"""/v1/certificates: the list, the counts, one certificate, and its label."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.auth import AnyCaller
from api.case import CACHED, AnyServices, Case, Seen, asking, reader, say, seeing, steer
from api.etag import etag, matches
from api.idempotency import IdempotentRoute
from api.proof import proof_of, proofs_of
from api.schemas.certificate import CertificatePage, CertificateView, SummaryView, certificate_view
from api.schemas.model import Moment, one_line
from api.schemas.purchase import LabelForm
from certloom.domain import command as c
from certloom.domain.certificate import GROUPS, CertificateStatus, Group, Origin
from certloom.storage.records import Sort

router = APIRouter(tags=["Certificates"], route_class=IdempotentRoute)

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=500), AfterValidator(lambda value: value and one_line(value))]
Search = Annotated[str | None, Query(max_length=253), AfterValidator(lambda value: value and one_line(value))]

PAGE: Final = 50


@router.get(
    "/certificates",
    response_model=CertificatePage,
    summary="List certificates, newest first unless `sort` says otherwise",
)
async def list_certificates(
    services: AnyServices,
    caller: AnyCaller,
    *,
    group: Group | None = None,
    status: CertificateStatus | None = None,
    query: Search = None,
    origin: Origin | None = None,
    expires_before: Moment | None = None,
    sort: Sort = Sort.NEWEST,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List one's own, or all for operators; `query` is a prefix of a name, the label or the id.

    `sort`: `newest`; `name`, the first one, or the label; `expiry`, what is in force and ends soonest first.
    """
    async with services.storage.read() as tables:
        page = await tables.certificates.search(
            account_id=caller.account_id,
            group=group,
            status=status,
            origin=origin,
            expires_before=expires_before,
            query=query or None,
            sort=sort,
            limit=limit,
            cursor=cursor,
        )
        known = await proofs_of(tables, *page.items)
    who = reader(services, caller)
    items = tuple(certificate_view(state, proofs, who) for state, proofs in zip(page.items, known, strict=True))
    return say(CertificatePage(items=items, next_cursor=page.next_cursor))


@router.get("/certificates/summary", response_model=SummaryView, summary="Count certificates")
async def summarise(services: AnyServices, caller: AnyCaller) -> Response:
    """Count per status and per group."""
    async with services.storage.read() as tables:
        statuses = await tables.certificates.summary(caller.account_id)
    groups = {group: sum(n for one, n in statuses.items() if GROUPS[one] is group) for group in Group}
    return say(SummaryView(statuses=statuses, groups=groups))


@router.get("/certificates/{certificate_id}", response_model=CertificateView, summary="Show one certificate")
async def read_certificate(
    seen: Annotated[Seen, Depends(seeing)],
    if_none_match: Annotated[str | None, Header(description="The ETag at hand; 304 when it is still right.")] = None,
) -> Response:
    """Show one; of a deleted one, what is left of it."""
    async with seen.services.storage.read() as tables:
        proofs = await proof_of(tables, seen.state)
    view = certificate_view(seen.state, proofs, reader(seen.services, seen.caller))
    headers = {"ETag": etag(view), **CACHED}
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return say(view, headers=headers)


@router.patch("/certificates/{certificate_id}", response_model=CertificateView, summary="Change the label")
async def relabel(case: Annotated[Case, Depends(asking(None))], form: LabelForm) -> Response:
    """Change or remove the label."""
    return await steer(case, c.Relabel(**case.stamp(), label=form.label))
