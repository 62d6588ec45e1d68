"""/issuers: who signs what the catalogue sells, how its authorities and CRLs stand, and how much it signed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import Operator
from api.case import AnyServices
from api.console.page import show
from api.console.route import PageRoute
from api.issuers import issuers
from api.schemas.issuer import IssuerKind, IssuerView
from api.services import Services
from certloom.domain.product import Product
from certloom.issuers.interface import PublishedAuthority

router = APIRouter(route_class=PageRoute)

_ENDS_SOON: Final = timedelta(days=365)  # an authority's successor has to be trusted long before


class Standing(NamedTuple):
    """An authority of ours: its tones say whether its end or its CRL's is near."""

    authority: PublishedAuthority
    signed: int
    ends_soon: bool
    crl_over: bool


class Signer(NamedTuple):
    """One issuer as the API shows it, with the products' titles and what is ours to show of it."""

    view: IssuerView
    products: tuple[Product, ...]
    authorities: tuple[Standing, ...]


@router.get("/issuers")
async def list_issuers(request: Request, services: AnyServices, _: Operator) -> Response:
    """Show every issuer that a product names."""
    return show(request, "issuers.html", signers=await _load(services))


async def _load(services: Services) -> list[Signer]:
    async with services.storage.read() as tables:
        signed = await tables.overview.signed()
    standings = [_standing(one, signed, services.clock()) for one in await services.files.authorities()]
    return [
        Signer(
            view=view,
            products=tuple(product for product in services.catalogue.items if product.issuer == view.name),
            authorities=tuple(standings) if view.kind is IssuerKind.PRIVATE else (),
        )
        for view in await issuers(services)
    ]


def _standing(authority: PublishedAuthority, signed: Mapping[str, int], now: datetime) -> Standing:
    following = authority.crl_next_update
    return Standing(
        authority,
        signed.get(authority.id, 0),
        ends_soon=authority.not_after - now < _ENDS_SOON,
        crl_over=following is None or following <= now,
    )
