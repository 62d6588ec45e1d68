"""The forms of a certificate's page: each one is the API's own route with what was typed in."""

import json
from collections.abc import Awaitable, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import (
    application,
    cancellation,
    certificates,
    deletion,
    deployments,
    lab,
    renewal,
    replacement,
    review,
    rollback,
)
from api import revocation as revoking
from api.auth import AnyCaller, Member
from api.case import AnyServices, Case, Seen, asking, find, reader
from api.console.certificate import Notice, certificate_page
from api.console.forms import NUMBER, build, field, fields_of, ticked
from api.console.naming import split
from api.console.page import go
from api.console.route import UNKNOWN, FormRoute
from api.console.story import tell
from api.console.words import plain, title
from api.idempotency import AnyOnce
from api.problems import answer
from api.schemas.application import ApplicationForm, Proofs, ReviewForm
from api.schemas.certificate import CertificateView, certificate_view
from api.schemas.deployment import DeploymentForm
from api.schemas.purchase import LabelForm
from api.schemas.revocation import ReplacementForm, RevocationForm
from certloom.domain.application import Organization
from certloom.domain.certificate import Action
from certloom.domain.errors import (
    CertloomError,
    FieldFault,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
)


class CertificateForm(FormRoute):
    """A form on a certificate's page; what was refused is said there, beside what was typed."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Show the page as it stands now."""
        if isinstance(error, Forbidden | NotFound) or not hasattr(request.state, "caller"):
            return None
        services, caller = request.app.state.services, request.state.caller
        try:
            state = await find(services, caller, request.path_params["certificate_id"])
            story = await tell(Seen(services, caller, state, services.clock()))
        except CertloomError:
            return None
        problem = answer(request, error)
        headers = {"Retry-After": pause} if (pause := problem.headers.get("retry-after")) else {}
        notice = _notice(error, problem, story.view, form=request.url.path.rsplit("/", 1)[1])
        if problem.status_code == UNKNOWN:
            notice = notice._replace(kept=field(request, NUMBER))
        return certificate_page(
            request, story, notice=notice, status=problem.status_code, headers=headers, given=fields_of(request)
        )


router = APIRouter(prefix="/certificates/{certificate_id}", route_class=CertificateForm)

_ORGANIZATION: Final = tuple(Organization.model_fields)
_COUNTRIES: Final = ("country", "jurisdiction_country")


@router.post("/apply")
async def apply(request: Request, case: Annotated[Case, Depends(asking(Action.APPLY))]) -> Response:
    """Open an application."""
    own = field(request, "key_from") == "csr"
    values = {
        "names": tuple(split(field(request, "names"))),
        "validation": field(request, "validation"),
        "key": None if own else {"type": field(request, "key_type")},
        "csr": field(request, "csr") if own else None,
        "organization": _organization(request),
        "contact": _part(request, "contact", ("name", "email", "phone")),
    }
    return await _done(request, "apply", application.apply(case, build(ApplicationForm, values)))


@router.post("/check_now")
async def check_now(request: Request, case: Annotated[Case, Depends(asking(Action.CHECK_NOW))]) -> Response:
    """Look for the proof at once."""
    return await _done(request, "check", application.check_now(case))


@router.post("/withdraw")
async def withdraw(request: Request, case: Annotated[Case, Depends(asking(Action.WITHDRAW))]) -> Response:
    """Take the application back."""
    return await _done(request, "withdraw", application.withdraw(case))


@router.post("/publish")
async def publish(certificate_id: str, request: Request, services: AnyServices, caller: Member) -> Response:
    """Publish the proof in the lab, where there is one."""
    form = lab.ProofForm(certificate_id=certificate_id)
    return await _done(request, "publish", lab.publish(form, services, caller))


@router.post("/deploy")
async def deploy(request: Request, case: Annotated[Case, Depends(asking(Action.DEPLOY))]) -> Response:
    """Put the newest issuance on the chosen targets."""
    form = build(DeploymentForm, {"targets": tuple(fields_of(request).get("targets", ()))})
    return await _done(request, "deploy", deployments.deploy(case, form))


@router.post("/renew")
async def renew(request: Request, case: Annotated[Case, Depends(asking(Action.RENEW))]) -> Response:
    """Issue anew within the plan."""
    return await _done(request, "renew", renewal.renew(case))


@router.post("/replace")
async def replace(request: Request, case: Annotated[Case, Depends(asking(Action.REPLACE))]) -> Response:
    """Issue anew with another key, then revoke the older issuances."""
    own = field(request, "key_from") == "csr"
    values = {
        "reason": field(request, "reason"),
        "key": None if own else {"type": field(request, "key_type")},
        "csr": field(request, "csr") if own else None,
    }
    return await _done(request, "replace", replacement.replace(case, build(ReplacementForm, values)))


@router.post("/revoke")
async def revoke(request: Request, case: Annotated[Case, Depends(asking(Action.REVOKE))]) -> Response:
    """Revoke every unexpired issuance; a refund that is due follows."""
    form = build(RevocationForm, {"reason": field(request, "reason"), "force": ticked(request, "force")})
    return await _done(request, "revoke", revoking.revoke(case, form))


@router.post("/cancel_order")
async def cancel(request: Request, case: Annotated[Case, Depends(asking(Action.CANCEL_ORDER))]) -> Response:
    """End a paid order that was never issued."""
    return await _done(request, "cancel", cancellation.cancel(case))


@router.post("/delete")
async def delete(request: Request, case: Annotated[Case, Depends(asking(Action.DELETE))]) -> Response:
    """Delete for good, once its name was typed."""
    name = title(certificate_view(case.state, Proofs(), reader(case.services, case.caller)))
    if field(request, "confirm") != name:
        detail = f"Type {name} to delete it. Nothing was deleted."
        raise InvalidInput([FieldFault(pointer="/confirm", code="not_confirmed", detail=detail)])
    doing = deletion.delete(case, forfeit_refund=ticked(request, "forfeit_refund"))
    return await _done(request, "delete", doing)


@router.post("/review")
async def decide(request: Request, case: Annotated[Case, Depends(asking(Action.REVIEW))]) -> Response:
    """Approve or reject the organisation."""
    values = {name: field(request, name) for name in ("application_id", "decision", "note")}
    return await _done(request, "review", review.review(case, build(ReviewForm, values)))


@router.post("/label")
async def relabel(request: Request, case: Annotated[Case, Depends(asking(None))]) -> Response:
    """Change the label."""
    words = field(request, "label")
    form = build(LabelForm, {"label": words}) if words else LabelForm(label=None)
    return await _done(request, "label", certificates.relabel(case, form))


@router.post("/deployments/{deployment_id}/rollback")
async def roll_back(
    request: Request, deployment_id: str, services: AnyServices, caller: AnyCaller, once: AnyOnce
) -> Response:
    """Put back what the target held before."""
    return await _done(request, "rollback", rollback.roll_back(deployment_id, services, caller, once))


async def _done(request: Request, said: str, doing: Awaitable[Response]) -> Response:
    """Wait until it is accepted, then lead back to the page, which says so."""
    await doing
    return go(f"/certificates/{request.path_params['certificate_id']}?said={said}")


def _notice(error: CertloomError, problem: Response, view: CertificateView, *, form: str) -> Notice:
    if isinstance(error, InvalidInput) and form in tuple(Action) and form not in view.allowed_actions:
        return Notice("wait", f"That is no longer possible: now it is {plain(view.status)}. Nothing was sent.", form)
    if isinstance(error, InvalidInput):
        return Notice("bad", "Nothing was sent yet. Mend what is marked below.", form, error.faults)
    if isinstance(error, NotAllowedNow) and error.special_code == NotAllowedNow.code:
        return Notice("wait", f"That is no longer possible: now it is {plain(error.current)}. {error.detail}", form)
    return Notice("bad", json.loads(bytes(problem.body))["detail"], form)


def _organization(request: Request) -> dict[str, str] | None:
    found = _part(request, "organization", _ORGANIZATION) or {}
    return {name: value.upper() if name in _COUNTRIES else value for name, value in found.items()} or None


def _part(request: Request, prefix: str, names: Sequence[str]) -> dict[str, str] | None:
    """Gather the fields of one part of the form; None when all of them are empty."""
    found = {name: value for name in names if (value := field(request, f"{prefix}.{name}"))}
    return found or None
