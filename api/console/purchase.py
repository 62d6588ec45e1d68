"""/purchase: products side by side, and one confirmation before money moves."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import purchase as orders
from api.auth import Caller, Member
from api.case import AnyServices
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import UNKNOWN, FormRoute, PageRoute
from api.idempotency import KeyedOnce
from api.problems import answer
from api.schemas.product import product_view
from api.schemas.purchase import PurchaseForm
from api.services import Services
from certloom.domain.errors import CertloomError, Forbidden

router = APIRouter(route_class=PageRoute)


class PurchaseRoute(FormRoute):
    """Buying; what was refused is said above the products, and nothing was charged."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Show the products again."""
        if isinstance(error, Forbidden):
            return None
        status = answer(request, error).status_code
        services: Services = request.app.state.services
        return await _page(
            request, services, request.state.caller, field(request, "product"), error=error, status=status
        )


buying = APIRouter(route_class=PurchaseRoute)


@router.get("/purchase")
async def read_products(request: Request, services: AnyServices, caller: Member, product: str = "") -> Response:
    """Show what is on sale, and with a product chosen what is to be confirmed."""
    return await _page(request, services, caller, product)


@buying.post("/purchase")
async def buy(request: Request, services: AnyServices, caller: Member, once: KeyedOnce) -> Response:
    """Buy what was confirmed; the same form again is the same purchase."""
    values = {"product": field(request, "product"), "label": field(request, "label"), "payment": {"method": "balance"}}
    answered = await orders.buy(build(PurchaseForm, values), services, caller, once)
    return go(f"/certificates/{once.id('cert')}?said=bought") if answered.status_code in (201, 202) else answered


async def _page(
    request: Request,
    services: Services,
    caller: Caller,
    chosen: str,
    *,
    error: CertloomError | None = None,
    status: int = 200,
) -> Response:
    balance = await services.balances.balance(caller.account)
    found = services.catalogue.find(chosen)
    return show(
        request,
        "purchase.html",
        status=status,
        products=[product_view(one) for one in services.catalogue.items],
        chosen=product_view(found) if found else None,
        balance=balance,
        error=error,
        kept=field(request, "once") if status == UNKNOWN else "",
        label=field(request, "label"),
    )
