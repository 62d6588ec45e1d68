"""POST /v1/certificates: buy one, charged once whatever happens on the way."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Member
from api.case import AnyServices, Seen, find, show
from api.idempotency import IdempotentRoute, KeyedOnce, Once
from api.schemas.certificate import CertificateView
from api.schemas.purchase import PurchaseForm
from api.services import Services
from certloom.domain import command as c
from certloom.domain.certificate import Origin
from certloom.domain.errors import FieldFault, InvalidInput, NotFound, OutcomeUnknown, PaymentRefused
from certloom.domain.product import Product
from certloom.domain.state import CertificateState

router = APIRouter(tags=["Certificates"], route_class=IdempotentRoute)


@router.post("/certificates", status_code=201, response_model=CertificateView, summary="Buy a certificate")
async def buy(form: PurchaseForm, services: AnyServices, caller: Member, once: KeyedOnce) -> Response:
    """Start the certificate's life and charge the account; 402 when no money moved."""
    product = _product(services, form)
    now = services.clock()
    if once.repeated:  # it may have been charged already, so the balance proves nothing
        if paid := await _paid(services, once):
            return await show(Seen(services, caller, paid, now), 201, location=True)
    else:
        await _require_money(services, caller.account, product)
    state = CertificateState(
        certificate_id=once.id("cert"),
        account_id=caller.account,
        origin=Origin.PURCHASED,
        created_at=now,
        updated_at=now,
        label=form.label,
        product=product,
    )
    pay = c.Pay(
        request_id=f"pay-{state.certificate_id}", actor=caller.key_id, requested_at=now, method=form.payment.method
    )
    once.started = True
    in_time = await _bought(services, state, pay, once)
    try:
        seen = Seen(services, caller, await find(services, caller, state.certificate_id), now)
    except NotFound:
        raise OutcomeUnknown("The order was placed and no answer came in time; send the same request again.") from None
    return await show(seen, 201 if in_time else 202, location=True)


async def _paid(services: Services, once: Once) -> CertificateState | None:
    async with services.storage.read() as tables:
        state = await tables.certificates.get(once.id("cert"))
    return state if state and state.payment and state.payment.paid_at else None


async def _bought(services: Services, state: CertificateState, pay: c.Pay, once: Once) -> bool:
    try:
        answer = await services.client.buy(state, pay)
    except OutcomeUnknown:
        once.settled = False
    else:
        once.settled = answer.version is not None
    return once.settled


def _product(services: Services, form: PurchaseForm) -> Product:
    faults = []
    product = services.catalogue.find(form.product)
    if product is None:
        faults.append(FieldFault(pointer="/product", code="product_unknown", detail="No such product is on sale."))
    if form.payment.method not in services.payment_methods:
        known = ", ".join(sorted(services.payment_methods))
        detail = f"There is no such payment method; choose one of: {known}."
        faults.append(FieldFault(pointer="/payment/method", code="method_unknown", detail=detail))
    if product is None or faults:
        raise InvalidInput(faults)
    return product


async def _require_money(services: Services, account_id: str, product: Product) -> None:
    """Refuse early, with nothing created; the ledger itself refuses whoever passes here at the same time."""
    balance = await services.balances.balance(account_id)
    if balance.currency != product.price.currency:
        detail = f"{product.title} is sold in {product.price.currency}, and this account holds {balance.currency}."
        raise InvalidInput([FieldFault(pointer="/product", code="currency_mismatch", detail=detail)])
    if balance.amount < product.price.amount:
        detail = f"The balance is {balance}, and {product.title} costs {product.price}. Nothing was charged."
        raise PaymentRefused(detail, code="insufficient_balance")
