"""What happens to a certificate next, and why, in one sentence for whoever owns it."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from api.schemas.application import ChallengeState, ChallengeView, Publisher
from api.schemas.certificate import CertificateView, DelayView, RenewalReason
from api.timeline_deployment import date
from certloom.domain.application import Outcome
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.step import StepKind, WaitReason


class Outlook(NamedTuple):
    """What comes next; `yours` when it is the customer's turn."""

    sentence: str
    why: str
    yours: bool = False


_WORK: Final[Mapping[Phase, str]] = {
    Phase.PREPARING: "The key, the order and the challenges are being made.",
    Phase.ISSUING: "The issuer is signing it.",
    Phase.REVOKING: "The issuer is revoking it.",
    Phase.REFUNDING: "The money is on its way back.",
    Phase.DELETING: "Its private keys are being destroyed.",
}
_DELAYED: Final[Mapping[StepKind, str]] = {
    StepKind.CHARGE: "The payment",
    StepKind.PREPARE: "The order at the issuer",
    StepKind.LOOK: "The look for the proof",
    StepKind.ISSUE: "The issuing",
    StepKind.RETIRE: "The revocation of the older issuances",
    StepKind.REVOKE: "The revocation",
    StepKind.REFUND: "The refund",
    StepKind.DESTROY: "The deletion",
}
_BEFORE: Final[Mapping[Outcome | None, str]] = {
    None: "the last application is over",
    Outcome.PROVEN: "the last application is over",
    Outcome.WITHDRAWN: "the last application was withdrawn",
    Outcome.REFUSED: "the last application was refused; the timeline says why",
    Outcome.NOT_PROVEN: "the last application was not proven in time",
}
_PROOF_WHY: Final = "The issuer signs once it has seen that you control every name."
_OVER: Final[Mapping[CertificateStatus, Outlook]] = {
    CertificateStatus.DELETED: Outlook("Nothing: it is deleted.", "This record stays, without any private key."),
    CertificateStatus.REVOKED: Outlook("Nothing by itself. You may delete it.", "It is revoked for good."),
    CertificateStatus.EXPIRED: Outlook("Nothing by itself. Buy a new one, and delete this.", "Its plan is over."),
    CertificateStatus.CANCELLED: Outlook("Nothing by itself. You may delete it.", "The order was cancelled."),
}


def outlook(view: CertificateView) -> Outlook:
    """Say what is next, from the same `next_wake` that the API shows."""
    return _TABLE[view.next_wake.why](view)


def _when(view: CertificateView) -> str:
    return f" on {date(view.next_wake.at)}" if view.next_wake.at else ""


def _payment(view: CertificateView) -> Outlook:
    return Outlook(f"It is cancelled{_when(view)} unless it is paid.", "No payment has come in yet.", yours=True)


def _application(view: CertificateView) -> Outlook:
    before = _BEFORE[view.application.outcome] if view.application else "nobody applied yet"
    why = f"It is paid, and {before}. Unused, it is paid back in full{_when(view)}."
    return Outlook("Apply for your names.", why, yours=True)


def _proof(view: CertificateView) -> Outlook:
    why = _PROOF_WHY
    if all(one.published_by is Publisher.SERVICE for one in _proofs(view)):
        return Outlook("Nothing for you to do. We publish the proof and look for it.", why)
    if view.status is CertificateStatus.ISSUED:
        why = "The present certificate stays in force; the new one needs the proof again."
    return Outlook("Publish the proof; we look for it by ourselves.", why, yours=True)


def _proofs(view: CertificateView) -> tuple[ChallengeView, ...]:
    return view.application.challenges if view.application else ()


def _review(_: CertificateView) -> Outlook:
    return Outlook("An operator decides about the organisation.", "OV and EV certificates name it.")


def _ahead(view: CertificateView) -> Outlook:
    sentence = f"Nothing for you to do. We look for the proof again{_when(view)}."
    return Outlook(sentence, "A proof is good for a limited time, and the next renewal needs it.")


def _renewal(view: CertificateView) -> Outlook:
    if any(one.published_by is Publisher.CUSTOMER and one.state is ChallengeState.PENDING for one in _proofs(view)):
        why = "The proof is good for a limited time, and was not found again. The certificate stays in force meanwhile."
        return Outlook(f"Publish the proof again: the renewal{_when(view)} needs it.", why, yours=True)
    sentence = f"Nothing for you to do. It is renewed{_when(view)}, free within the plan."
    if view.renewal.why is RenewalReason.AFTER_FAILURE:
        return Outlook(sentence, f"The last attempt was refused: {view.renewal.last_error}")
    if view.renewal.why is RenewalReason.SUGGESTED:
        return Outlook(sentence, "The issuer suggests that time.")
    return Outlook(sentence, "Then a third of its lifetime is left, or half of a short one.")


def _ending(view: CertificateView) -> Outlook:
    end = f" on {date(view.issuance.not_after)}" if view.issuance else ""
    why = {
        RenewalReason.UPLOADED: "It was brought in from elsewhere, so it is not renewed here.",
        RenewalReason.PLAN_ENDS_FIRST: "Its plan ends then, so it is not renewed. Buy a new one in time.",
    }.get(view.renewal.why, "Nothing renews it any more.")
    return Outlook(f"It ends{end}.", why)


def _deployment(view: CertificateView) -> Outlook:
    going = sum(one.deployment_id is not None for one in view.placements)
    if going:
        return Outlook("Targets are taking it now.", "A handshake at every endpoint has to show it.")
    return Outlook(f"It is deployed again{_when(view)}.", "A target was not seen to serve it.")


def _outage(view: CertificateView) -> Outlook:
    if view.delay is None:
        return Outlook(f"It is tried again{_when(view)}.", "Something outside does not answer. Nothing is lost.")
    return Outlook(f"{_delayed(view.delay)} is tried again on {_until(view, view.delay)}.", _waiting(view, view.delay))


def _limit(view: CertificateView) -> Outlook:
    if view.delay is None:
        return Outlook(f"It goes on{_when(view)}, when the issuer's limits leave room for it.", "They are used up now.")
    sentence = f"{_delayed(view.delay)} waits for room in the issuer's limits, until {_until(view, view.delay)}."
    return Outlook(sentence, _waiting(view, view.delay))


def _delayed(delay: DelayView) -> str:
    return _DELAYED.get(delay.step, "The next step")


def _until(view: CertificateView, delay: DelayView) -> str:
    """Name the moment; a deadline that comes before it is told, too."""
    end = view.next_wake.at
    sooner = f"; what ends it by itself comes before that, on {date(end)}" if end and end < delay.until else ""
    return f"{date(delay.until)}{sooner}"


def _waiting(view: CertificateView, delay: DelayView) -> str:
    """Say why, since when, and what goes on meanwhile."""
    stays = view.status is CertificateStatus.ISSUED and delay.step not in (StepKind.REVOKE, StepKind.DESTROY)
    meanwhile = " The present certificate stays in force meanwhile." if stays else ""
    return f"{delay.why} It waits since {date(delay.since)}.{meanwhile}"


def _attention(view: CertificateView) -> Outlook:
    why = view.attention.why if view.attention else "A step went wrong in a way nobody planned."
    return Outlook("An operator has to look at it.", why)


def _work(view: CertificateView) -> Outlook:
    return Outlook(_WORK.get(view.phase, "The next step is under way."), "Nothing for you to do.")


_TABLE: Final[Mapping[WaitReason, Callable[[CertificateView], Outlook]]] = {
    WaitReason.PAYMENT: _payment,
    WaitReason.APPLICATION: _application,
    WaitReason.PROOF: _proof,
    WaitReason.REVIEW: _review,
    WaitReason.PROOF_FOR_RENEWAL: _ahead,
    WaitReason.RENEWAL: _renewal,
    WaitReason.REMINDER: _ending,
    WaitReason.EXPIRY: _ending,
    WaitReason.DEPLOYMENT: _deployment,
    WaitReason.OUTAGE: _outage,
    WaitReason.LIMIT: _limit,
    WaitReason.ATTENTION: _attention,
    WaitReason.DELETION: lambda view: _OVER[view.status],
    WaitReason.WORK: _work,
}
