"""Every activity, built on the adapters that the settings name."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from activities.deletion import DeletionActivities
from activities.issuance import IssuanceActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.record import RecordActivities
from activities.refund import RefundActivities
from activities.revocation import RevocationActivities
from activities.verification import VerificationActivities
from certloom import wiring
from certloom.settings import Settings
from certloom.storage.interface import Storage


def steps(settings: Settings, storage: Storage) -> Sequence[Callable[..., Any]]:
    """Return all activities a worker serves; raises BadSetting and KeyringInvalid."""
    issuers = wiring.issuers(settings, storage)
    methods = wiring.payment_methods(storage)
    validator = wiring.validator(settings)
    record = RecordActivities(storage=storage)
    payment = PaymentActivities(storage=storage, methods=methods)
    order = OrderActivities(
        storage=storage,
        issuers=issuers,
        sealer=wiring.customer_sealer(settings),
        key_maker=wiring.key_maker(),
        credentials=wiring.credentials(),
    )
    verification = VerificationActivities(
        storage=storage, validator=validator, check_interval=timedelta(seconds=settings.check_interval)
    )
    issuance = IssuanceActivities(storage=storage, issuers=issuers, validator=validator)
    revocation = RevocationActivities(storage=storage, issuers=issuers)
    refund = RefundActivities(storage=storage, methods=methods)
    deletion = DeletionActivities(storage=storage)
    return _defined(record, payment, order, verification, issuance, revocation, refund, deletion)


def _defined(*rooms: object) -> list[Callable[..., Any]]:
    """Find the methods that are activities, so that a new one cannot be forgotten here."""
    methods = (getattr(room, name) for room in rooms for name in dir(room) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
