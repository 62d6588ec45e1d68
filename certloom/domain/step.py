"""The steps a certificate's life is made of, and the reasons it waits between them."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class StepKind(StrEnum):
    """What the workflow does next; each has one activity or one fact."""

    CHARGE = "charge"
    CANCEL_UNPAID = "cancel_unpaid"
    CANCEL_UNUSED = "cancel_unused"
    PREPARE = "prepare"
    LOOK = "look"
    GIVE_UP = "give_up"
    REORDER = "reorder"
    ISSUE = "issue"
    DISCARD = "discard"
    ASK_FOR_PROOF = "ask_for_proof"
    RENEW = "renew"
    REMIND = "remind"
    EXPIRE = "expire"
    REDEPLOY = "redeploy"
    RETIRE = "retire"
    REVOKE = "revoke"
    REFUND = "refund"
    DESTROY = "destroy"


class WaitReason(StrEnum):
    """Why nothing happens until `next_wake`; edges put it into words."""

    PAYMENT = "payment"  # the customer pays, or the order is cancelled
    APPLICATION = "application"  # the customer applies, or the order is refunded
    PROOF = "proof"  # the customer publishes the proof, or the application closes
    REVIEW = "review"  # an operator decides, or the application closes
    PROOF_FOR_RENEWAL = "proof_for_renewal"  # the next renewal needs the proof again
    RENEWAL = "renewal"
    REMINDER = "reminder"
    EXPIRY = "expiry"
    DEPLOYMENT = "deployment"  # targets take the new leaf, or are tried again then
    OUTAGE = "outage"  # something outside does not answer; tried again then
    LIMIT = "limit"  # the issuer's limits are used up until then
    ATTENTION = "attention"  # an operator resumes or skips
    DELETION = "deletion"  # nothing left but to delete
    WORK = "work"  # not waiting: the next step runs now


class Step(NamedTuple):
    """The next step, when it is due (None: never by itself), and what is waited for until then."""

    kind: StepKind | None
    at: datetime | None
    why: WaitReason
