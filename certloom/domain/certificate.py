"""What a certificate can be, where it may go next, and what may be done to it meanwhile."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class CertificateStatus(StrEnum):
    """The business status; each member says who acts next."""

    AWAITING_PAYMENT = "awaiting_payment"  # customer or payment provider; cancelled after 24 h
    PAID = "paid"  # customer: apply, or cancel the order
    PENDING_VERIFICATION = "pending_verification"  # customer: publish the proof; issuer; an operator for OV, EV
    ISSUED = "issued"  # nobody until renewal, expiry or a request
    EXPIRED = "expired"  # customer: buy anew; may delete
    REVOKED = "revoked"  # customer: may delete
    CANCELLED = "cancelled"  # nobody; may be deleted
    DELETED = "deleted"  # nobody; final, the key is destroyed


class Group(StrEnum):
    """How lists and the console gather statuses."""

    UNPAID = "unpaid"
    ORDERED = "ordered"
    ISSUED = "issued"
    EXPIRED = "expired"
    CLOSED = "closed"


class Origin(StrEnum):
    """Where a certificate comes from; an uploaded one is neither renewed nor revoked by us."""

    PURCHASED = "purchased"
    UPLOADED = "uploaded"


class Phase(StrEnum):
    """What is under way inside a status."""

    IDLE = "idle"
    PREPARING = "preparing"  # key, order and challenges are being made
    PROVING = "proving"  # we look for the proof
    REVIEWING = "reviewing"  # an operator decides
    ISSUING = "issuing"  # the issuer may sign at any moment: too late to withdraw
    DEPLOYING = "deploying"  # a replacement waits until every target was seen to serve it; then the old leaves go
    REVOKING = "revoking"
    REFUNDING = "refunding"
    DELETING = "deleting"


class Action(StrEnum):
    """What a person may ask for."""

    APPLY = "apply"
    CHECK_NOW = "check_now"
    REVIEW = "review"
    WITHDRAW = "withdraw"
    CANCEL_ORDER = "cancel_order"
    RENEW = "renew"
    REPLACE = "replace"
    DEPLOY = "deploy"
    DOWNLOAD = "download"
    REVOKE = "revoke"
    DELETE = "delete"


class IllegalTransition(Exception):
    """A certificate was asked to move where TRANSITIONS does not lead; a defect, not a customer's mistake."""

    def __init__(self, current: CertificateStatus, target: CertificateStatus) -> None:
        super().__init__(f"a certificate cannot go from {current} to {target}")
        self.current = current
        self.target = target


_S = CertificateStatus
_P = Phase
_A = Action

GROUPS: Final[Mapping[CertificateStatus, Group]] = {
    _S.AWAITING_PAYMENT: Group.UNPAID,
    _S.PAID: Group.ORDERED,
    _S.PENDING_VERIFICATION: Group.ORDERED,
    _S.REVOKED: Group.ORDERED,  # as in the manual: a revoked order is still an order
    _S.ISSUED: Group.ISSUED,
    _S.EXPIRED: Group.EXPIRED,
    _S.CANCELLED: Group.CLOSED,
    _S.DELETED: Group.CLOSED,
}

TRANSITIONS: Final[Mapping[CertificateStatus, frozenset[CertificateStatus]]] = {
    _S.AWAITING_PAYMENT: frozenset({_S.PAID, _S.CANCELLED}),
    _S.PAID: frozenset({_S.PENDING_VERIFICATION, _S.CANCELLED}),
    _S.PENDING_VERIFICATION: frozenset({_S.ISSUED, _S.PAID}),
    _S.ISSUED: frozenset({_S.EXPIRED, _S.REVOKED, _S.DELETED}),
    _S.EXPIRED: frozenset({_S.DELETED}),
    _S.REVOKED: frozenset({_S.DELETED}),
    _S.CANCELLED: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}

# While something irreversible is under way nothing else may begin; reading stays allowed where a key exists.
_NOTHING: Final[frozenset[Action]] = frozenset()
_DELETE: Final = frozenset({_A.DELETE})
_KEEP: Final = frozenset({_A.DOWNLOAD})
_OWNED: Final = frozenset({_A.DOWNLOAD, _A.DEPLOY, _A.REVOKE, _A.DELETE})
_UPLOADED: Final = frozenset({_A.DOWNLOAD, _A.DEPLOY, _A.DELETE})
_OPEN: Final = frozenset({_A.WITHDRAW})

Row = Mapping[Phase, frozenset[Action]]


def _row(**phases: frozenset[Action]) -> Row:
    """Every phase gets an entry; those that cannot occur in a status permit nothing."""
    return {phase: phases.get(phase.value, _NOTHING) for phase in Phase}


_PURCHASED: Final[Mapping[CertificateStatus, Row]] = {
    _S.AWAITING_PAYMENT: _row(),
    _S.PAID: _row(idle=frozenset({_A.APPLY, _A.CANCEL_ORDER})),
    _S.PENDING_VERIFICATION: _row(
        preparing=_OPEN,
        proving=_OPEN | {_A.CHECK_NOW, _A.REVIEW},
        reviewing=_OPEN | {_A.REVIEW},
    ),
    _S.ISSUED: _row(
        idle=_OWNED | {_A.RENEW, _A.REPLACE},
        preparing=_OWNED,
        proving=_OWNED | {_A.CHECK_NOW},
        reviewing=_OWNED | {_A.REVIEW},
        issuing=_OWNED - {_A.DELETE},
        deploying=_OWNED - {_A.DELETE},
        revoking=_KEEP,
    ),
    _S.EXPIRED: _row(idle=_DELETE),
    _S.REVOKED: _row(idle=_DELETE),
    _S.CANCELLED: _row(idle=_DELETE),
    _S.DELETED: _row(),
}

CAPABILITIES: Final[Mapping[Origin, Mapping[CertificateStatus, Row]]] = {
    Origin.PURCHASED: _PURCHASED,
    Origin.UPLOADED: {
        **dict.fromkeys(CertificateStatus, _row()),
        _S.ISSUED: _row(idle=_UPLOADED),
        _S.EXPIRED: _row(idle=_DELETE),
    },
}


def advance(current: CertificateStatus, target: CertificateStatus) -> CertificateStatus:
    """Return *target* if the table allows it; the only way a status changes.

    Raises IllegalTransition with both ends otherwise.
    """
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(current, target)
    return target


def allowed(status: CertificateStatus, origin: Origin, phase: Phase) -> frozenset[Action]:
    """What may be asked for now, by the table alone; rules with facts and a clock are in domain/rights.py."""
    return CAPABILITIES[origin][status][phase]
