"""What a certificate's workflow begins with: its state, and facts that no row holds yet."""

from certloom.domain.fact import Entry
from certloom.domain.model import Model
from certloom.domain.state import CertificateState


class Start(Model):
    """The whole input of a run; a continued run and one restored by reconcile get the same shape.

    `unrecorded` are entries already in `state` that an activity has still to write; `children` are deployments whose
    workflows were started by an earlier run.
    """

    state: CertificateState
    unrecorded: tuple[Entry, ...] = ()
    children: tuple[str, ...] = ()
