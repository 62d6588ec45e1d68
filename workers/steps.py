"""Every activity, built on the adapters that the settings name."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from activities.deletion import DeletionActivities
from activities.deployment import DeploymentActivities
from activities.issuance import IssuanceActivities
from activities.material import Materials
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.place import Places
from activities.record import RecordActivities
from activities.refund import RefundActivities
from activities.revocation import RevocationActivities
from activities.target import TargetActivities
from activities.verification import VerificationActivities
from activities.watch import WatchActivities
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
    rooms = (record, payment, order, verification, issuance, revocation, refund, deletion)
    return [*_defined(*rooms), *target_steps(settings, storage)]


def target_steps(settings: Settings, storage: Storage, *, on_host: bool = False) -> Sequence[Callable[..., Any]]:
    """Return the activities that drive targets: of this very machine, or those that any worker can reach.

    Raises BadSetting and KeyringInvalid.
    """
    allowed = wiring.allowed_targets(settings) if on_host else None
    materials = Materials(storage=storage, sealer=wiring.customer_sealer(settings))
    places = Places(
        storage=storage,
        targets=wiring.targets(settings, allowed),
        prover=wiring.prover(settings),
        materials=materials,
    )
    return _defined(
        DeploymentActivities(storage=storage, places=places, materials=materials),
        WatchActivities(storage=storage, places=places),
        TargetActivities(storage=storage, places=places),
    )


def _defined(*rooms: object) -> list[Callable[..., Any]]:
    """Find the methods that are activities, so that a new one cannot be forgotten here."""
    methods = (getattr(room, name) for room in rooms for name in dir(room) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
