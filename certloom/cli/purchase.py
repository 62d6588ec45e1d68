"""certloom products, buy, cancel: the catalogue, an order that costs money, and an order taken back."""

from typing import Annotated

import typer

from certloom.cli import completion
from certloom.cli.certificate import follow, next_for, path_of, short, show
from certloom.cli.faults import JSON, Failure, NotDone
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate, Key, NoWait, Yes
from certloom.cli.session import Session, begin
from certloom.cli.words import clean, counted, money, plain


def products(*, as_json: AsJson = False) -> None:
    """Show what is on sale."""
    with begin(as_json=as_json) as session:
        found = session.service.get("/v1/products")
        session.screen.body(found)
        columns = ("product", "what", "price", "plan", "full refund within")
        rows = [
            (
                (one["id"], "bold"),
                one["title"],
                money(one["price"]),
                counted(one["plan_days"], "day"),
                counted(one["refund"]["days"], "day"),
            )
            for one in found["items"]
        ]
        session.screen.table(columns, rows, empty="Nothing is on sale.")
        session.screen.following("certloom buy PRODUCT")


def buy(
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="What to buy.", autocompletion=completion.products)],
    *,
    label: Annotated[str | None, typer.Option("--label", help="Your own name for it.")] = None,
    method: Annotated[str, typer.Option("--method", help="How to pay.")] = "balance",
    yes: Yes = False,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Buy a certificate.

    It shows price and balance and asks first.
    """
    with begin(as_json=as_json, key=key) as session:
        if not yes and not _confirmed(session, product):
            raise NotDone("Nothing was bought.")
        form = {"product": product, "label": label, "payment": {"method": method}}
        view = session.service.change("POST", "/v1/certificates", form)
        if not no_wait:
            view = _paid(session, view)
        session.screen.body(view)
        if not session.screen.as_json:
            session.screen.good(f"Bought for {money(view['plan']['price'])}.")
            show(session, view)
        session.screen.following(*next_for(view))


def cancel(
    certificate: Certificate, *, yes: Yes = False, no_wait: NoWait = False, key: Key = None, as_json: AsJson = False
) -> None:
    """Cancel an order that was never issued.

    The whole charge goes back. It asks first.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        if not yes:
            session.screen.notice(f"Cancelling pays back {money(view['refund']['amount'])}, and cannot be undone.", "")
            if not session.screen.ask(f"Cancel {view['id']}?"):
                raise NotDone("Nothing was cancelled.")
        view = session.service.change("POST", f"{path_of(view)}/cancellation")
        if not no_wait:
            view = settled(session, view, status="cancelled", start="The money goes back.")
        session.screen.body(view)
        session.screen.good(f"The order is {plain(view['status'])}; {money(view['refund']['amount'])} refunded.")
        session.screen.following(*next_for(view))


def settled(session: Session, view: JSON, *, status: str, start: str) -> JSON:
    """Follow a certificate until it has that status, nothing runs, and no refund is pending."""

    def done(now: JSON) -> bool:
        return (now["status"], now["phase"]) == (status, "idle") and bool(now["refund"]["state"] != "pending")

    return follow(session, view, done=done, start=start)


def _confirmed(session: Session, product: str) -> bool:
    wanted = next((one for one in session.service.get("/v1/products")["items"] if one["id"] == product), None)
    if wanted is None:
        raise NotDone(f"There is no product {clean(product)}.", hint="certloom products")
    session.screen.notice(f"{wanted['title']} ({product}) costs {money(wanted['price'])}{_balance(session)}.", "")
    return session.screen.ask("Buy it?")


def _balance(session: Session) -> str:
    try:
        return f"; your balance is {money(session.service.get('/v1/account')['balance'])}"
    except Failure:  # the order itself will tell
        return ""


def _paid(session: Session, view: JSON) -> JSON:
    start = "The order is placed; the charge follows."
    view = follow(session, view, done=lambda now: now["status"] != "awaiting_payment", start=start)
    if view["status"] == "cancelled":
        raise NotDone(
            "The payment was declined; no money moved.", view=view, hint=f"certloom events {short(view['id'])}"
        )
    return view
