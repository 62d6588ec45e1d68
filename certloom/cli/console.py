"""certloom console: a link that opens the console signed in, for a browser that never sees the key."""

from certloom.cli.dev import AsOperator, Dev, Home, find_dev
from certloom.cli.options import AsJson
from certloom.cli.session import begin
from certloom.cli.words import moment


def console(home: Home = None, *, dev: Dev = False, operator: AsOperator = False, as_json: AsJson = False) -> None:
    """Make a link that opens the console signed in.

    It works once, within ten minutes, and signs in as whoever holds your key. Give it to nobody else.
    """
    with begin(as_json=as_json, access=find_dev(home, dev=dev, operator=operator)) as session:
        made = session.service.change("POST", "/v1/account/sign-in-codes")
        session.screen.body(made)
        session.screen.line(made["url"])
        if not as_json:
            session.screen.notice(f"It signs in once, until {moment(made['expires_at'], session.now())}.", "dim")
