"""/v1/zones: DNS zones in which proofs are published by us: added, listed, shown, tried, forgotten."""

import asyncio
import json
from datetime import timedelta
from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import AnyCaller, Caller, Writer
from api.case import AnyServices, is_id, say
from api.certificates import PAGE, Cursor, Limit
from api.idempotency import AnyOnce, IdempotentRoute, Once
from api.schemas.zone import ZoneForm, ZonePage, ZoneTriedView, ZoneView, zone_view
from api.services import Services
from api.zone_form import Access, read_zone
from certloom.dns.interface import DnsProvider, DnsProviders, DnsRefused
from certloom.domain.errors import Conflict, FieldFault, NotFound, Outage
from certloom.domain.zone import CREDENTIALS, MOST_ZONES, TEST_LABEL, DnsZone, ZoneKind, revealed
from certloom.storage.records import PublishedRecord

router = APIRouter(prefix="/zones", tags=["DNS zones"], route_class=IdempotentRoute)

TRY_WITHIN: Final = 15.0  # s; a request answers within 20
SWEPT_AFTER: Final = timedelta(minutes=2)  # a test whose process died leaves its record to the sweep


@router.post("", status_code=201, response_model=ZoneView, summary="Add a DNS zone")
async def add_zone(form: ZoneForm, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Keep a zone; nothing is sent there yet. Its credentials are sealed and never shown again."""
    account_id, fault = await _owner(services, caller, form)
    name, access = read_zone(form, [fault] if fault else [], internal_suffixes=services.internal_suffixes)
    zone = DnsZone(
        id=once.id("zone"),
        account_id=account_id,
        zone=name,
        settings=access.settings,
        created_at=services.clock(),
    )
    view = zone_view(await _kept(services, caller, zone, access))
    return say(view, 201, {"Location": view.links["self"]})


@router.get("", response_model=ZonePage, summary="List DNS zones, newest first")
async def list_zones(services: AnyServices, caller: AnyCaller, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """List one's own, or all for operators."""
    async with services.storage.read() as tables:
        page = await tables.zones.list(account_id=caller.account_id, limit=limit, cursor=cursor)
    return say(ZonePage(items=tuple(map(zone_view, page.items)), next_cursor=page.next_cursor))


@router.get("/{zone_id}", response_model=ZoneView, summary="Show one DNS zone")
async def read_one(zone_id: str, services: AnyServices, caller: AnyCaller) -> Response:
    """Show its settings."""
    return say(zone_view(await find_zone(services, caller, zone_id)))


@router.delete("/{zone_id}", status_code=204, response_model=None, summary="Forget a DNS zone")
async def delete_zone(zone_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:  # noqa: ARG001 - its key is read by the route
    """Destroy its credentials; records that we published there and have not taken away yet stay. May be repeated."""
    zone, now = await find_zone(services, caller, zone_id, deleted=True), services.clock()
    async with services.storage.begin() as tables:
        if await tables.zones.delete(zone.id, now):
            await tables.secrets.destroy_owned(zone.id)
            await tables.audit.add(
                at=now, actor=caller.key_id, action="zone.delete", account_id=zone.account_id, subject=zone.id
            )
    return Response(status_code=204)


@router.post("/{zone_id}/test", response_model=ZoneTriedView, summary="Try a DNS zone")
async def try_zone(zone_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Write a record `_certloom-test` into the zone and take it away again; nothing else is touched."""
    zone = await find_zone(services, caller, zone_id)
    if zone.kind is ZoneKind.MANUAL:
        return say(ZoneTriedView(works=True, detail="There is nothing to try: you publish its records yourself."))
    if services.dns is None:
        raise Outage("this process reaches no DNS servers")
    return say(await _tried(services, services.dns, zone, once))


async def _tried(services: Services, dns: DnsProviders, zone: DnsZone, once: Once) -> ZoneTriedView:
    record = _test_record(services, zone, once)
    try:
        provider = await _opened(services, dns, zone)
    except DnsRefused as refusal:
        return ZoneTriedView(works=False, detail=refusal.detail)
    async with services.storage.begin() as tables:  # written down before, as everything that is published
        await tables.published.want([record])
    found = await _written(provider, record)
    if found.nothing_left:
        async with services.storage.begin() as tables:
            await tables.published.close(record)
    if found.why:
        return ZoneTriedView(works=False, detail=found.why)
    detail = f"A record was written into {zone.zone} and taken away again: proofs can be published there."
    return ZoneTriedView(works=True, detail=detail)


class _Found(NamedTuple):
    why: str | None  # it did not work
    nothing_left: bool  # to take away


async def _written(provider: DnsProvider, record: PublishedRecord) -> _Found:
    presented = False
    try:
        async with asyncio.timeout(TRY_WITHIN):
            await provider.present(record.place, record.value)
            presented = True
            await provider.clean_up(record.place, record.value)
    except TimeoutError:
        return _Found(f"It took longer than {TRY_WITHIN:g} s to write a record.", nothing_left=False)
    except DnsRefused as refusal:
        return _Found(refusal.detail, nothing_left=not presented)
    except Outage as outage:
        return _Found(outage.detail, nothing_left=False)
    return _Found(None, nothing_left=True)


def _test_record(services: Services, zone: DnsZone, once: Once) -> PublishedRecord:
    now, name = services.clock(), f"{TEST_LABEL}.{zone.zone}"
    return PublishedRecord(
        certificate_id=zone.id,
        attempt=0,
        how=zone.id,
        record_name=name,
        value=once.id("test"),
        place=name,
        created_at=now,
        unwanted_since=now,
        next_try_at=now + SWEPT_AFTER,
    )


async def _opened(services: Services, dns: DnsProviders, zone: DnsZone) -> DnsProvider:
    async with services.storage.read() as tables:
        sealed = await tables.secrets.get(zone.credentials_ref)
    kind = CREDENTIALS[zone.kind]
    if kind is None or sealed is None:
        return dns.open(zone, None)
    return dns.open(zone, kind.model_validate_json(services.sealer.unseal(sealed, identity=zone.credentials_ref)))


def sealed_credentials(services: Services, zone: DnsZone, access: Access) -> bytes | None:
    """Seal what a zone is written with; None when it needs nothing."""
    if access.credentials is None:
        return None
    return services.sealer.seal(json.dumps(revealed(access.credentials)).encode(), identity=zone.credentials_ref)


async def find_zone(services: Services, caller: Caller, zone_id: str, *, deleted: bool = False) -> DnsZone:
    """Return the zone, a deleted one only if asked for; raises NotFound for unknown and foreign ones alike."""
    zone = None
    if is_id(zone_id):
        async with services.storage.read() as tables:
            zone = await tables.zones.get(zone_id)
    if zone is None or (zone.deleted_at and not deleted) or not caller.sees(zone.account_id):
        raise NotFound("There is no such DNS zone.")
    return zone


async def _owner(services: Services, caller: Caller, form: ZoneForm) -> tuple[str, FieldFault | None]:
    """Return whose zone it will be, and what is wrong with that."""
    if caller.account_id is not None:
        mine = form.account_id in (None, caller.account_id)
        detail = "A DNS zone is added to one's own account; leave this out."
        return caller.account_id, None if mine else _account_fault("account_not_yours", detail)
    if form.account_id is None:
        return "", _account_fault("account_missing", "Say for which account the DNS zone is.")
    async with services.storage.read() as tables:
        known = await tables.accounts.get(form.account_id) if is_id(form.account_id) else None
    return form.account_id, None if known else _account_fault("account_unknown", "There is no such account.")


def _account_fault(code: str, detail: str) -> FieldFault:
    return FieldFault(pointer="/account_id", code=code, detail=detail)


async def _kept(services: Services, caller: Caller, zone: DnsZone, access: Access) -> DnsZone:
    """Write zone, secret and audit line together; a repetition changes nothing, not even what was deleted since."""
    sealed = sealed_credentials(services, zone, access)
    async with services.storage.begin() as tables:
        if earlier := await tables.zones.get(zone.id):
            return earlier
        if len(await tables.zones.of_account(zone.account_id)) >= MOST_ZONES:
            raise Conflict(f"An account has at most {MOST_ZONES} DNS zones; delete one first.", code="too_many_zones")
        if not await tables.zones.add(zone):
            detail = f"This account has the zone {zone.zone} already; delete that one first."
            raise Conflict(detail, code="zone_taken")
        if sealed is not None:
            await tables.secrets.put(zone.credentials_ref, owner=zone.id, sealed=sealed)
        await tables.audit.add(
            at=zone.created_at,
            actor=caller.key_id,
            action="zone.create",
            account_id=zone.account_id,
            subject=zone.id,
        )
    return zone
