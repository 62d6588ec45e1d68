"""/v1/targets: the places that serve certificates: added, listed, shown, and tried without changing anything."""

import json
from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import AnyCaller, Caller, Writer
from api.case import AnyServices, is_id, say
from api.certificates import PAGE, Cursor, Limit
from api.idempotency import AnyOnce, IdempotentRoute
from api.schemas.target import TargetForm, TargetPage, TargetView, TriedView, target_view, tried_view
from api.services import Services
from api.target_form import Place, read_place
from certloom.domain.errors import Conflict, FieldFault, Forbidden, NotFound
from certloom.domain.role import Role
from certloom.domain.target import HOST_KINDS, PROVE_WITHIN, Target, TargetCredentials, revealed
from certloom.storage.interface import Transaction
from certloom.storage.records import TargetRecord

router = APIRouter(prefix="/targets", tags=["Targets"], route_class=IdempotentRoute)


@router.post("", status_code=201, response_model=TargetView, summary="Add a place to deploy to")
async def add_target(form: TargetForm, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Keep a target; nothing is sent there yet. Its credentials are sealed and never shown again."""
    _require_allowed(services, caller, form)
    account_id, fault = await _owner(services, caller, form)
    place = read_place(form, [fault] if fault else [])
    target = _target(services, form, place, target_id=once.id("tgt"), account_id=account_id)
    view = await _kept(services, caller, target, place)
    return say(view, 201, {"Location": view.links["self"]})


@router.get("", response_model=TargetPage, summary="List targets, newest first")
async def list_targets(
    services: AnyServices, caller: AnyCaller, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List one's own, or all for operators."""
    async with services.storage.read() as tables:
        page = await tables.targets.list(account_id=caller.account_id, limit=limit, cursor=cursor)
        items = [await shown(tables, record) for record in page.items]
    return say(TargetPage(items=tuple(items), next_cursor=page.next_cursor))


@router.get("/{target_id}", response_model=TargetView, summary="Show one target")
async def read_target(target_id: str, services: AnyServices, caller: AnyCaller) -> Response:
    """Show settings, endpoints, what is deployed there, and what the watch saw last."""
    record = await find_target(services, caller, target_id)
    async with services.storage.read() as tables:
        return say(await shown(tables, record))


@router.post("/{target_id}/test", response_model=TriedView, summary="Try a target")
async def try_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Try settings, credentials and reach, and ask every endpoint, without changing anything."""
    target = (await find_target(services, caller, target_id)).target
    tried = await services.client.try_target(target.id, host=target.host, request_id=once.id("req"))
    return say(tried_view(tried))


async def find_target(services: Services, caller: Caller, target_id: str, *, deleted: bool = False) -> TargetRecord:
    """Return the target, a deleted one only if asked for; raises NotFound for unknown and foreign ones alike."""
    record = None
    if is_id(target_id):
        async with services.storage.read() as tables:
            record = await tables.targets.get(target_id)
    gone = record is not None and record.target.deleted_at is not None and not deleted
    if record is None or gone or not caller.sees(record.target.account_id):
        raise NotFound("There is no such target.")
    return record


def _require_allowed(services: Services, caller: Caller, form: TargetForm) -> None:
    if caller.role is Role.OPERATOR or form.kind in services.member_kinds:
        return
    why = (
        "changes files of the worker's own machine"
        if form.kind in HOST_KINDS
        else "is reached without a password, from the worker's place in the network"
    )
    raise Forbidden(f"A target of the kind {form.kind} {why}: ask an operator for it.")


async def _owner(services: Services, caller: Caller, form: TargetForm) -> tuple[str, FieldFault | None]:
    """Return whose target it will be, and what is wrong with that."""
    if caller.account_id is not None:
        mine = form.account_id in (None, caller.account_id)
        detail = "A target is added to one's own account; leave this out."
        return caller.account_id, None if mine else _account_fault("account_not_yours", detail)
    if form.account_id is None:
        return "", _account_fault("account_missing", "Say for which account the target is.")
    async with services.storage.read() as tables:
        known = await tables.accounts.get(form.account_id) if is_id(form.account_id) else None
    return form.account_id, None if known else _account_fault("account_unknown", "There is no such account.")


def _account_fault(code: str, detail: str) -> FieldFault:
    return FieldFault(pointer="/account_id", code=code, detail=detail)


def _target(services: Services, form: TargetForm, place: Place, *, target_id: str, account_id: str) -> Target:
    usual = PROVE_WITHIN[form.kind]
    return Target(
        id=target_id,
        account_id=account_id,
        name=form.name,
        settings=place.settings,
        endpoints=form.endpoints,
        prove_within=usual if form.prove_within is None else timedelta(seconds=form.prove_within),
        created_at=services.clock(),
    )


async def _kept(services: Services, caller: Caller, target: Target, place: Place) -> TargetView:
    """Write target, secret and audit line together; a repetition changes nothing, not even what was deleted since."""
    sealed = sealed_credentials(services, target, place.credentials) if place.credentials else None
    async with services.storage.begin() as tables:
        if earlier := await tables.targets.get(target.id):
            return await shown(tables, earlier)
        if not await tables.targets.add(target):
            detail = "There is a target for this very place already; two of them would undo each other's deployments."
            raise Conflict(detail, code="slot_taken")
        if sealed is not None:
            await tables.secrets.put(target.credentials_ref, owner=target.id, sealed=sealed)
        await tables.audit.add(
            at=target.created_at,
            actor=caller.key_id,
            action="target.create",
            account_id=target.account_id,
            subject=target.id,
        )
        return await shown(tables, TargetRecord(target=target))


def sealed_credentials(services: Services, target: Target, credentials: TargetCredentials) -> bytes:
    """Seal what a target is driven with."""
    return services.sealer.seal(json.dumps(revealed(credentials)).encode(), identity=target.credentials_ref)


async def shown(tables: Transaction, record: TargetRecord) -> TargetView:
    """Show a target with what was proven there last."""
    served = await tables.deployments.get(record.deployment_id) if record.deployment_id else None
    return target_view(record, served)
