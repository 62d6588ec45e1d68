"""Words and figures of the pages: what a code is called, how much time is left, and which tone a status has."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from api.schemas.certificate import CertificateView, RenewalReason
from api.timeline_deployment import date
from certloom.domain.certificate import Action, CertificateStatus, Group
from certloom.domain.deployment import DeploymentState
from certloom.domain.issuance import IssuanceState, RevocationReason
from certloom.domain.money import Money
from certloom.domain.product import NameMode
from certloom.domain.refund import RefundReason
from certloom.domain.validity import Validity

_S = CertificateStatus

TONES: Final[Mapping[CertificateStatus, str]] = {
    _S.AWAITING_PAYMENT: "wait",
    _S.PAID: "wait",
    _S.PENDING_VERIFICATION: "work",
    _S.ISSUED: "good",
    _S.EXPIRED: "bad",
    _S.REVOKED: "bad",
    _S.CANCELLED: "quiet",
    _S.DELETED: "quiet",
}
DEPLOYMENT_TONES: Final[Mapping[DeploymentState, str]] = {
    DeploymentState.WAITING: "work",
    DeploymentState.INSTALLING: "work",
    DeploymentState.PROVING: "work",
    DeploymentState.ROLLING_BACK: "wait",
    DeploymentState.DEPLOYED: "good",
    DeploymentState.ROLLED_BACK: "wait",
    DeploymentState.FAILED: "bad",
    DeploymentState.SUPERSEDED: "quiet",
}
LEAF_TONES: Final[Mapping[IssuanceState, str]] = {
    IssuanceState.VALID: "good",
    IssuanceState.SUPERSEDED: "quiet",
    IssuanceState.REVOKED: "bad",
    IssuanceState.EXPIRED: "bad",
}
GROUPS: Final[Mapping[Group, str]] = {
    Group.UNPAID: "Unpaid",
    Group.ORDERED: "Ordered",
    Group.ISSUED: "Issued",
    Group.EXPIRED: "Expired",
    Group.CLOSED: "Closed",
}
STATUSES: Final[Mapping[CertificateStatus, str]] = {
    _S.PAID: "Paid",
    _S.PENDING_VERIFICATION: "Pending verification",
    _S.REVOKED: "Revoked",
}
ACTIONS: Final[Mapping[Action, str]] = {
    Action.APPLY: "Apply",
    Action.CHECK_NOW: "Check now",
    Action.REVIEW: "Review",
    Action.WITHDRAW: "Withdraw",
    Action.CANCEL_ORDER: "Cancel the order",
    Action.RENEW: "Renew",
    Action.REPLACE: "Replace",
    Action.DEPLOY: "Deploy",
    Action.DOWNLOAD: "Download",
    Action.REVOKE: "Revoke",
    Action.DELETE: "Delete",
}
NAME_MODES: Final[Mapping[NameMode, str]] = {
    NameMode.SINGLE: "One name",
    NameMode.WILDCARD: "One wildcard name, with or without the name itself",
    NameMode.MULTI_DOMAIN: "Several names",
}
REASONS: Final[Mapping[RevocationReason, str]] = {
    RevocationReason.SUPERSEDED: "Superseded: another certificate takes its place",
    RevocationReason.CESSATION_OF_OPERATION: "Cessation of operation: the names are not used any more",
    RevocationReason.KEY_COMPROMISE: "Key compromise: somebody else may have the private key",
    RevocationReason.AFFILIATION_CHANGED: "Affiliation changed: the organisation is another one",
    RevocationReason.PRIVILEGE_WITHDRAWN: "Privilege withdrawn: the CA takes it back",
    RevocationReason.UNSPECIFIED: "Unspecified: for a reason that is nobody's business",
}

RENEWALS: Final[Mapping[RenewalReason, str]] = {
    RenewalReason.THIRD_LEFT: "Then a third of its lifetime is left.",
    RenewalReason.AFTER_FAILURE: "The last attempt was refused, and is made again then.",
    RenewalReason.SUGGESTED: "The issuer suggests that time.",
    RenewalReason.PLAN_ENDS_FIRST: "None: the plan ends before one is due.",
    RenewalReason.UPLOADED: "None: it was brought in from elsewhere.",
    RenewalReason.NOT_ISSUED: "None before the first issuance.",
    RenewalReason.OVER: "None: it is over.",
}
NO_REFUND: Final[Mapping[RefundReason, str]] = {
    RefundReason.INSIDE_WINDOW: "There is nothing to pay back",
    RefundReason.NEVER_ISSUED: "Nothing was issued yet; cancel the order to have all of it paid back",
    RefundReason.WINDOW_OVER: "The refund window is over",
    RefundReason.NO_PAYMENT: "There was no payment",
    RefundReason.NOT_ISSUED_YET: "Nothing is issued yet",
    RefundReason.SETTLED_BY_OPERATOR: "An operator settled it in another way",
}

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))


class Left(NamedTuple):
    """How much of a leaf's lifetime is left, in per cent and in words, and how that is to be taken."""

    percent: int
    words: str
    tone: str


def plain(text: str) -> str:
    """Write a code as words."""
    return str(text).replace("_", " ")


def called(code: str) -> str:
    """Write a code as words that begin a line."""
    words = plain(code)
    return words[:1].upper() + words[1:]


def distance(moment: datetime, now: datetime) -> str:
    """Say how far away a moment is, such as `in 3 days` or `2 hours ago`."""
    seconds = int((moment - now).total_seconds())
    for unit, size in _UNITS:
        count = abs(seconds) // size
        if count:
            what = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
            return f"in {what}" if moment > now else f"{what} ago"
    return "in a moment" if moment > now else "just now"


def left(view: CertificateView, now: datetime) -> Left | None:
    """Return what is left of the newest leaf; None where none is in force."""
    leaf = view.issuance
    if leaf is None or view.validity is None:
        return None
    share = (leaf.not_after - now) / (leaf.not_after - leaf.not_before)
    percent = max(0, min(100, round(share * 100)))
    if view.validity is Validity.LAPSED:
        return Left(0, f"ended {distance(leaf.not_after, now)}", "bad")
    tone = "wait" if view.validity is Validity.EXPIRING else "good"
    return Left(percent, _remaining(leaf.not_after - now), tone)


def _remaining(span: timedelta) -> str:
    if span.days:
        return "1 day left" if span.days == 1 else f"{span.days} days left"
    hours = int(span.total_seconds()) // 3_600
    return "less than an hour left" if not hours else f"{hours} hour{'' if hours == 1 else 's'} left"


def title(view: CertificateView) -> str:
    """Return what a certificate is known by: its first name, else its label, else what was bought."""
    if view.names:
        return view.names[0]
    return view.label or (view.product.title if view.product else view.id)


def pairs(fingerprint: str) -> list[str]:
    """Cut a hexadecimal fingerprint up as OpenSSL writes it: AB, CD, ..."""
    return [fingerprint[index : index + 2].upper() for index in range(0, len(fingerprint), 2)]


def signed(amount: int, currency: str) -> str:
    """Write a line of a statement: what went out has a minus sign before it."""
    return ("\N{MINUS SIGN}" if amount < 0 else "") + str(Money(amount=abs(amount), currency=currency))


def anchor(text: str) -> str:
    """Turn any text into a word that is safe as the id of an element."""
    return "n" + text.encode().hex()[:60]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "plain": plain,
    "called": called,
    "date": date,
    "distance": distance,
    "left": left,
    "title_of": title,
    "pairs": pairs,
    "anchor": anchor,
    "signed": signed,
    "renewal": lambda why: RENEWALS[why],
    "no_refund": lambda why: NO_REFUND[why],
    "tone": lambda status: TONES[status],
    "deployment_tone": lambda state: DEPLOYMENT_TONES[state],
    "leaf_tone": lambda state: LEAF_TONES[state],
    "action": lambda action: ACTIONS[action],
    "name_mode": lambda mode: NAME_MODES[mode],
}
