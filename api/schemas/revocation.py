"""Ending a leaf early: revocation, and replacement, which issues anew first."""

from pydantic import StrictBool

from api.schemas.application import KeyForm
from api.schemas.model import Form, Pem
from certloom.domain.issuance import RevocationReason


class RevocationForm(Form):
    """Why, and whether to revoke although a handshake still finds it served."""

    reason: RevocationReason
    force: StrictBool = False


class ReplacementForm(Form):
    """Why, and exactly one of a new `key` (made by us) and a `csr`."""

    reason: RevocationReason
    key: KeyForm | None = None
    csr: Pem | None = None
