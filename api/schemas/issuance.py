"""All leaves of a certificate."""

from datetime import datetime
from enum import StrEnum

from api.schemas.model import View
from certloom.domain.issuance import IssuanceState
from certloom.domain.key import KeyType
from certloom.domain.model import Utc
from certloom.storage.records import IssuanceRecord


class KeyPlace(StrEnum):
    """Who has the private key."""

    SERVICE = "service"
    CUSTOMER = "customer"


class LeafView(View):
    """One signed leaf; `spki_sha256` names its key."""

    number: int
    serial: str
    fingerprint_sha256: str
    spki_sha256: str
    issuer: str
    key_type: KeyType
    key: KeyPlace
    names: tuple[str, ...]
    not_before: Utc
    not_after: Utc
    issued_at: Utc
    state: IssuanceState


class LeafList(View):
    """Newest first."""

    items: tuple[LeafView, ...]


def leaf_view(record: IssuanceRecord, now: datetime) -> LeafView:
    """Show one leaf; one that ended is expired, whether or not anything was written about it since."""
    ended = record.issuance.not_after <= now and record.issuance.state is not IssuanceState.REVOKED
    return LeafView(
        **{**record.issuance.model_dump(), **({"state": IssuanceState.EXPIRED} if ended else {})},
        spki_sha256=record.spki_sha256,
        names=record.names,
        key=KeyPlace.SERVICE if record.key_ref else KeyPlace.CUSTOMER,
    )
