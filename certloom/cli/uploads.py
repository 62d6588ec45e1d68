"""certloom upload: a certificate from elsewhere, with its key, to be kept, downloaded and deployed."""

from pathlib import Path
from typing import Annotated

import typer

from certloom.cli.application import read_text
from certloom.cli.certificate import next_for, show
from certloom.cli.options import AsJson, Key
from certloom.cli.session import begin


def upload(
    *,
    certificate: Annotated[
        Path, typer.Option("--certificate", metavar="FILE", help="PEM; may hold the chain, too, in any order.")
    ],
    private_key: Annotated[Path, typer.Option("--private-key", metavar="FILE", help="PEM, not encrypted.")],
    chain: Annotated[Path | None, typer.Option("--chain", metavar="FILE", help="PEM of the issuers.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Your own name for it.", show_default="the file's name")
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Bring a certificate from elsewhere.

    It is kept, downloaded and deployed like others, and neither renewed nor revoked here.
    """
    form = {
        "label": label or certificate.stem,
        "certificate": read_text(certificate),
        "chain": read_text(chain) if chain else None,
        "private_key": read_text(private_key),
    }
    with begin(as_json=as_json, key=key) as session:
        view = session.service.change("POST", "/v1/uploads", form)
        session.screen.body(view)
        if not session.screen.as_json:
            session.screen.good("Uploaded.")
            show(session, view)
        session.screen.following(*next_for(view))
