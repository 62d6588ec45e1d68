"""What people ask of a certificate: one message type per update of the workflow.

The API stamps `requested_at` when the request arrives, because a handler may run late (DESIGN 4.5).
"""

from typing import Annotated

from pydantic import Field, StrictBool

from certloom.domain.application import Decision, ValidationMethod
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc

Label = Annotated[str, Field(max_length=200)]


class Command(Model):
    """Who asks, when, and under which id: the same request_id again is the same request."""

    request_id: str
    actor: str
    requested_at: Utc


class Pay(Command):
    """Charge the order by this method."""

    method: str


class Apply(Command):
    """Open an application; names are A-labels, the rest of the form is stored under its id."""

    application_id: str
    names: tuple[str, ...]
    validation: ValidationMethod
    key_type: KeyType
    csr_ref: str | None = None


class CheckNow(Command):
    """Look for the proof at once."""


class Decide(Command):
    """An operator's decision on an OV or EV application; the note is stored beside it."""

    application_id: str
    decision: Decision


class Withdraw(Command):
    """Take the application back."""


class CancelOrder(Command):
    """End a paid order that was never issued."""


class Renew(Command):
    """Issue anew within the plan, now."""


class Replace(Command):
    """Issue anew with another key, then revoke the older issuances for this reason."""

    reason: RevocationReason
    key_type: KeyType
    csr_ref: str | None = None


class Revoke(Command):
    """Revoke every unexpired issuance, then refund by the policy."""

    reason: RevocationReason
    force: StrictBool = False  # "no" in a signal must not count as a word for it


class DeployItem(Model):
    """One target, and the id under which the deployment to it is known."""

    deployment_id: str
    target_id: str
    host: str | None = None


class Deploy(Command):
    """Put the newest issuance on each target."""

    items: Annotated[tuple[DeployItem, ...], Field(min_length=1)]


class RollBack(Command):
    """Put back what a target held before the deployment `restores`; `number` when that is an issuance of this one."""

    item: DeployItem
    restores: str
    number: int | None


class Detach(Command):
    """Look after a target no more; it was deleted."""

    target_id: str


class Delete(Command):
    """Delete for good."""

    forfeit_refund: bool = False


class Relabel(Command):
    """Change the customer's own label."""

    label: Label | None


class Accepted(Model):
    """What every update answers: the row has at least this version now; None: accepted, and still under way."""

    version: int | None
