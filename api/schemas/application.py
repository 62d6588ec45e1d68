"""An application as a form and as a view: names, the way of proof, and what the customer has to publish."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field

from api.schemas.model import Form, Note, Pem, View, all_printable
from certloom.domain.application import (
    Challenge,
    Contact,
    Decision,
    Organization,
    Outcome,
    ValidationMethod,
)
from certloom.domain.certificate import Phase
from certloom.domain.key import KeyType
from certloom.domain.model import Utc
from certloom.domain.state import CertificateState
from certloom.storage.records import LookRecord


class KeyForm(Form):
    """A private key that we make and keep sealed."""

    type: KeyType = KeyType.ECDSA_P256


class ApplicationForm(Form):
    """What is asked for; exactly one of `key` and `csr`. `organization` and `contact` are needed for OV and EV."""

    names: Annotated[tuple[str, ...], Field(max_length=200)]
    validation: ValidationMethod
    key: KeyForm | None = None
    csr: Pem | None = None
    contact: Annotated[Contact | None, AfterValidator(lambda value: value and all_printable(value))] = None
    organization: Annotated[Organization | None, AfterValidator(lambda value: value and all_printable(value))] = None


class ReviewForm(Form):
    """An operator's decision; the note says why, for other operators."""

    application_id: str
    decision: Decision
    note: Note


class ApplicationState(StrEnum):
    """What happens to the application now."""

    PREPARING = "preparing"
    PROVING = "proving"
    REVIEWING = "reviewing"
    ISSUING = "issuing"
    CLOSED = "closed"


class RecordView(View):
    """A DNS record to publish."""

    name: str
    type: Literal["TXT"] = "TXT"
    value: str


class FileView(View):
    """A file to serve, over plain HTTP."""

    url: str
    content: str


class ChallengeState(StrEnum):
    """Whether we saw it."""

    PENDING = "pending"
    PROVEN = "proven"


class Publisher(StrEnum):
    """Who publishes a proof."""

    SERVICE = "service"
    CUSTOMER = "customer"


class ChallengeView(View):
    """One name's proof: a record or a file to publish; `seen` and `error` tell of the last look.

    `published_by` is `service` where we do that by ourselves, in a DNS zone of the account or behind its CNAME; null
    while nobody waits for it. An `own` one is asked for besides the CA's, because another account here has ordered the
    name, too.
    """

    name: str
    type: ValidationMethod
    state: ChallengeState
    record: RecordView | None
    file: FileView | None
    seen: str | None
    error: str | None
    next_look_at: Utc | None
    published_by: Publisher | None
    own: bool


class ApplicationView(View):
    """The last application of a certificate."""

    id: str
    state: ApplicationState
    outcome: Outcome | None
    names: tuple[str, ...]
    validation: ValidationMethod
    challenges: tuple[ChallengeView, ...]
    deadline: Utc


_STATES: Final = {
    Phase.PREPARING: ApplicationState.PREPARING,
    Phase.PROVING: ApplicationState.PROVING,
    Phase.REVIEWING: ApplicationState.REVIEWING,
    Phase.ISSUING: ApplicationState.ISSUING,
}
Key = tuple[str, str, str]  # name, type and token: what tells a challenge from the others of its certificate


class Proofs(NamedTuple):
    """What is known of the proofs beside the state: the last looks, and whose records we publish.

    `ours` is None while nobody waits for a proof.
    """

    looks: Mapping[Key, LookRecord] = MappingProxyType({})
    ours: Collection[Key] | None = None

    @classmethod
    def of(cls, looks: Iterable[LookRecord], ours: Collection[Key] | None) -> Self:
        """Sort the looks."""
        return cls({key_of(look): look for look in looks}, ours)


def key_of(one: Challenge | LookRecord) -> Key:
    """Return what tells it from the others of its certificate."""
    return one.name, one.type, one.token


def application_view(state: CertificateState, proofs: Proofs) -> ApplicationView | None:
    """Show the last application."""
    application = state.application
    if application is None:
        return None
    return ApplicationView(
        id=application.id,
        state=_STATES.get(state.phase, ApplicationState.CLOSED),
        outcome=application.outcome,
        names=application.names,
        validation=application.validation,
        challenges=tuple(challenge_view(one, state, proofs) for one in application.challenges),
        deadline=application.deadline,
    )


def waits_for_proof(state: CertificateState) -> bool:
    """Whether somebody has to publish the proof: for an application, or because the next renewal needs it again."""
    asked = state.phase is Phase.PROVING or state.renewal.proof_asked_at is not None
    return asked and state.application is not None


def challenge_view(challenge: Challenge, state: CertificateState, proofs: Proofs) -> ChallengeView:
    """Show one challenge with what the last look found."""
    look = proofs.looks.get(key_of(challenge))
    before = state.application is not None and state.application.proven_at is not None
    proven = bool(look and look.proven) or (before and not waits_for_proof(state))
    return ChallengeView(
        name=challenge.name,
        type=challenge.type,
        state=ChallengeState.PROVEN if proven else ChallengeState.PENDING,
        record=_record(challenge),
        file=_file(challenge),
        seen=look.seen if look else None,
        error=look.error if look else None,
        next_look_at=look.next_look_at if look and state.phase is Phase.PROVING else None,
        published_by=_publisher(challenge, proofs.ours),
        own=challenge.own,
    )


def _publisher(challenge: Challenge, ours: Collection[Key] | None) -> Publisher | None:
    if ours is None:
        return None
    return Publisher.SERVICE if key_of(challenge) in ours else Publisher.CUSTOMER


def _record(challenge: Challenge) -> RecordView | None:
    if challenge.record_name is None or challenge.record_value is None:
        return None
    return RecordView(name=challenge.record_name, value=challenge.record_value)


def _file(challenge: Challenge) -> FileView | None:
    if challenge.url is None or challenge.content is None:
        return None
    return FileView(url=challenge.url, content=challenge.content)
