"""GET /v1/issuers: what each issuer signed, what its limits leave, and which orders wait for that; for operators."""

from collections import Counter
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Operator
from api.case import AnyServices, say
from api.schemas.issuer import IssuerList, IssuerView, issuer_view
from api.services import Services
from certloom.domain.tally import TallyKind

router = APIRouter(prefix="/issuers", tags=["Issuers"])

SHOWN: Final = 20  # buckets of a limit, and orders that wait
_DAYS: Final = timedelta(days=29)  # and today


@router.get("", response_model=IssuerList, summary="List issuers and what their limits leave")
async def list_issuers(services: AnyServices, _: Operator) -> Response:
    """Show every issuer that a product names, and those whose limits were used before."""
    return say(IssuerList(items=await issuers(services)))


async def issuers(services: Services) -> tuple[IssuerView, ...]:
    """Return what operators are shown, by name."""
    now = services.clock()
    async with services.storage.read() as tables:
        budgets = {one.issuer: one for one in await tables.budget.standing(now, limit=SHOWN)}
        tallies = await tables.overview.tallies(None, since=now.date() - _DAYS)
    issued: Counter[str] = Counter()
    for one in tallies:
        if one.kind is TallyKind.ISSUED:
            issued[one.cause] += one.count
    products = services.catalogue.items
    return tuple(
        issuer_view(
            name,
            budgets.get(name),
            products=tuple(product.id for product in products if product.issuer == name),
            issued=issued[name],
            now=now,
        )
        for name in sorted({product.issuer for product in products} | set(budgets))
    )
