"""What happened, in words: one entry per kind of fact, and a test that none is missing.

Facts carry codes and dates; people read these sentences, in the API's timeline and in the console.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from api import timeline_deployment
from api.timeline_deployment import Words, date
from certloom.domain import fact as f
from certloom.domain.application import Decision
from certloom.domain.order import OrderPurpose
from certloom.domain.refund import RefundReason


def words(fact: f.Fact) -> Words:
    """Put a fact into words."""
    return TABLE[type(fact)](fact)


def _plain(text: str) -> str:
    return text.replace("_", " ")


_REFUNDS: Final[Mapping[RefundReason, str]] = {
    RefundReason.INSIDE_WINDOW: "The request came inside the refund window.",
    RefundReason.NEVER_ISSUED: "The order was never issued.",
    RefundReason.WINDOW_OVER: "The refund window was over when the request came.",
    RefundReason.NO_PAYMENT: "There was no payment.",
    RefundReason.NOT_ISSUED_YET: "Nothing is issued yet.",
    RefundReason.SETTLED_BY_OPERATOR: "An operator settled it in another way.",
}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _applied(fact: f.Applied) -> Words:
    names = ", ".join(fact.application.names[:3]) + (", ..." if len(fact.application.names) > 3 else "")
    return Words(f"An application was opened for {names}.", None, "Key, order and challenges are made.")


def _prepared(fact: f.Prepared) -> Words:
    count = len(fact.challenges)
    sentence = f"The issuer wants proof for {_counted(count, 'name')}."
    return Words(sentence, None, "Publish the proof; we look for it.")


def _reviewed(fact: f.Reviewed) -> Words:
    if fact.decision is Decision.APPROVE:
        return Words("An operator approved the organisation.", None, "The issuer signs once the names are proven.")
    return Words("An operator rejected the organisation.", None, "The application closes; the order stays paid.")


def _issued(fact: f.Issued) -> Words:
    leaf = fact.issuance
    end = f"It is valid until {date(leaf.not_after)}."
    return Words(f"The issuer signed certificate number {leaf.number}, serial {leaf.serial}.", None, end)


def _renewal_started(fact: f.RenewalStarted) -> Words:
    if fact.purpose is OrderPurpose.REPLACEMENT:
        why = _plain(fact.reason) if fact.reason else None
        return Words("A replacement was begun.", why, "The new certificate is made; then the old ones are revoked.")
    return Words("A renewal was begun.", "The certificate nears its end, or it was asked for.", "A new one is made.")


def _renewal_failed(fact: f.RenewalFailed) -> Words:
    following = f"It is tried again at {date(fact.retry_at)}." if fact.retry_at else "The certificate stays as it is."
    return Words("The new certificate was refused.", fact.detail, following)


def _revocation_requested(fact: f.RevocationRequested) -> Words:
    money = f"Then {fact.quote.amount} are paid back." if fact.quote.due else "Nothing will be paid back."
    why = f"{_plain(fact.reason).capitalize()}. {_REFUNDS[fact.quote.why]}"
    return Words("Revocation was requested.", why, f"The issuer revokes every unexpired certificate. {money}")


def _cancellation_requested(fact: f.CancellationRequested) -> Words:
    money = f"{fact.quote.amount} are paid back." if fact.quote.due else "Nothing has to be paid back."
    return Words("The order is being cancelled.", _REFUNDS[fact.quote.why], money)


def _deletion_requested(fact: f.DeletionRequested) -> Words:
    why = "The refund was given up." if fact.forfeit_refund else None
    return Words("Deletion was requested.", why, "The private keys are destroyed.")


def _revoked(fact: f.Revoked) -> Words:
    sentence = f"The issuer confirmed the revocation of {_counted(len(fact.serials), 'certificate')}."
    return Words(sentence, None, "A refund that is due follows; then it can be deleted.")


def _retired(fact: f.Retired) -> Words:
    return Words(f"After the replacement, {_counted(len(fact.serials), 'older certificate')} revoked.")


def _reminded(fact: f.Reminded) -> Words:
    return Words(
        f"The certificate ends within {fact.days} day(s).", "Nothing renews it.", f"End: {date(fact.ends_at)}."
    )


def _relabelled(fact: f.Relabelled) -> Words:
    return Words(f"The label is now {fact.label!r}." if fact.label else "The label was removed.")


def _renewal_suggested(fact: f.RenewalSuggested) -> Words:
    sentence = f"The issuer suggests when to renew certificate number {fact.number}."
    return Words(sentence, fact.explanation_url, f"It is renewed at {date(fact.renew_at)}.")


def _delayed(fact: f.Delayed) -> Words:
    return Words(f"The step {_plain(fact.step)} is delayed.", fact.why, f"It is tried again at {date(fact.until)}.")


def _parked(fact: f.Parked) -> Words:
    return Words(f"The step {_plain(fact.step)} needs an operator.", fact.why, "An operator resumes or skips it.")


_APPLY_NEXT: Final = "Apply for the certificate, or cancel the order; unused, it is refunded after 365 days."
_PAID_AGAIN: Final = "The order stays paid: apply again, or cancel it."

TABLE: Final[Mapping[type[f.Happened], Callable[[Any], Words]]] = {
    f.Ordered: lambda fact: Words(f"The order was placed, to be paid by {fact.method}.", None, "The charge."),
    f.Paid: lambda fact: Words(f"{fact.amount} were paid.", None, _APPLY_NEXT),
    f.PaymentDeclined: lambda fact: Words("The payment was declined; no money moved.", fact.detail, "Buy again."),
    f.OrderLapsed: lambda _: Words("The order was cancelled.", "It was not paid within 24 hours.", "Buy again."),
    f.Uploaded: lambda fact: Words(
        f"A certificate from elsewhere was brought in, for {_counted(len(fact.names), 'name')}.",
        None,
        f"It is valid until {date(fact.issuance.not_after)}.",
    ),
    f.Applied: _applied,
    f.Prepared: _prepared,
    f.Proven: lambda _: Words(
        "Control of every name was seen.", None, "The issuer signs; OV and EV are reviewed first."
    ),
    f.Reviewed: _reviewed,
    f.Withdrawn: lambda _: Words("The application was withdrawn.", None, _PAID_AGAIN),
    f.NotProven: lambda _: Words(
        "The application was closed.", "The proof or the review did not come in time.", _PAID_AGAIN
    ),
    f.ApplicationRefused: lambda fact: Words("The application was refused.", fact.detail, _PAID_AGAIN),
    f.Issued: _issued,
    f.Discarded: lambda fact: Words(f"Attempt {fact.attempt} was dropped and its private key destroyed."),
    f.RenewalStarted: _renewal_started,
    f.OrderExpired: lambda _: Words(
        "The issuer's order ended before a certificate was signed.", None, "A new order is placed, with new challenges."
    ),
    f.RenewalSuggested: _renewal_suggested,
    f.RenewalFailed: _renewal_failed,
    f.ProofWanted: lambda fact: Words(
        "The next renewal needs the proof again, and it was not found.",
        "A proof is good for a limited time only.",
        f"Publish the proof before {date(fact.renewal_at)}, unless we do that for you.",
    ),
    f.ProofRefreshed: lambda _: Words("The proof was found again.", None, "The next renewal needs nothing from you."),
    f.Reminded: _reminded,
    f.Expired: lambda _: Words("The certificate expired.", "Plan and last certificate are over.", "Buy a new one."),
    f.RevocationRequested: _revocation_requested,
    f.Revoked: _revoked,
    f.Retired: _retired,
    f.CancellationRequested: _cancellation_requested,
    f.Refunded: lambda fact: Words(f"{fact.amount} were paid back.", _REFUNDS[fact.why], "It can be deleted."),
    f.DeletionRequested: _deletion_requested,
    f.Deleted: lambda fact: Words(
        f"The certificate was deleted, and {_counted(fact.keys_destroyed, 'private key')} destroyed."
    ),
    f.Delayed: _delayed,
    f.Parked: _parked,
    f.Resumed: lambda fact: Words(f"An operator let the step {_plain(fact.step)} try again."),
    f.Skipped: lambda fact: Words(f"An operator gave the step {_plain(fact.step)} up."),
    f.MessageIgnored: lambda fact: Words(f"The message {fact.message!r} changed nothing.", fact.why),
    f.Relabelled: _relabelled,
    **timeline_deployment.TABLE,
}
