"""The options that several commands have, each with its words, once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from certloom.cli import completion


class KeyType(StrEnum):
    """Keys that the service makes."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


class Reason(StrEnum):
    """Why a leaf is ended early (RFC 5280 5.3.1), in the API's words."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


Certificate = Annotated[
    str,
    typer.Argument(
        metavar="CERT",
        help="A certificate: its id, the beginning of it, a name, or its label.",
        autocompletion=completion.certificates,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's own JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, for scripts.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return once it is accepted.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", metavar="KEY", help="Repeat an earlier try under its key: it happens once at most."
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Where the page before said to go on.")]
KeyTypeOption = Annotated[
    KeyType | None, typer.Option("--key-type", help="The key that the service makes.", show_default="ecdsa-p256")
]
Csr = Annotated[
    Path | None,
    typer.Option("--csr", metavar="FILE", help="A signing request of your own key, PEM; instead of --key-type."),
]
ReasonOption = Annotated[Reason, typer.Option("--reason", help="Why; it is published in the CRL.")]
