"""certloom account: who you are to the service, what came in and went out, and which API keys there are."""

import typer

from certloom.cli import keys
from certloom.cli.faults import EXIT_CODES
from certloom.cli.options import AsJson, Cursor, Limit
from certloom.cli.session import begin
from certloom.cli.words import amount, moment, money, plain, stamp

app = typer.Typer(help="Your account, its money and its API keys.", epilog=EXIT_CODES, invoke_without_command=True)


@app.callback()
def account(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show your account and its balance."""
    if context.invoked_subcommand:
        return
    with begin(as_json=as_json) as session:
        view = session.service.get("/v1/account")
        session.screen.body(view)
        session.screen.fact("account", (view["id"], "bold"))
        session.screen.fact("name", view["name"])
        session.screen.fact("balance", (money(view["balance"]), "bold"))
        session.screen.fact("since", moment(view["created_at"], session.now()))
        session.screen.following("certloom account statement", "certloom account keys", "certloom products")


@app.command(epilog=EXIT_CODES)
def statement(*, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List what came in and went out, newest first."""
    with begin(as_json=as_json) as session:
        page = session.service.get("/v1/account/statement", limit=limit, cursor=cursor)
        session.screen.body(page)
        rows = [
            (
                stamp(line["at"]),
                plain(line["kind"]),
                (amount(line["amount"], line["currency"]), "green" if line["amount"] > 0 else ""),
                amount(line["balance_after"], line["currency"]),
                line["reference"],
            )
            for line in page["items"]
        ]
        session.screen.table(("time, UTC", "what", "amount", "balance", "for"), rows, empty="Nothing was booked yet.")
        more = (f"certloom account statement --cursor {page['next_cursor']}",) if page["next_cursor"] else ()
        session.screen.following(*more, "certloom account")


app.add_typer(keys.app, name="keys")
