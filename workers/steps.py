"""Every activity, built on the adapters that the settings name, and the workers that drive targets."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.worker import Worker

from activities.deletion import DeletionActivities
from activities.deployment import DeploymentActivities
from activities.issuance import IssuanceActivities
from activities.material import Materials
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.place import Places
from activities.proof import Proofs
from activities.publication import Publication
from activities.record import RecordActivities
from activities.refund import RefundActivities
from activities.renewal import RenewalActivities
from activities.revocation import RevocationActivities
from activities.target import TargetActivities
from activities.verification import VerificationActivities
from activities.watch import WatchActivities
from activities.zone import ZoneWriters
from certloom import wiring
from certloom.settings import Settings
from certloom.storage.interface import Storage
from workers.heartbeat import Failures, Heartbeats
from workflows.names import queue_of

GRACE: Final = timedelta(seconds=10)  # for running activities; each is one short exchange
TARGETS_AT_ONCE: Final = 50  # activities; changes of one place queue for each other anyway


def steps(settings: Settings, storage: Storage) -> Sequence[Callable[..., Any]]:
    """Return all activities a worker serves; raises BadSetting and KeyringInvalid."""
    issuers = wiring.issuers(settings, storage)
    methods = wiring.payment_methods(storage)
    validator = wiring.validator(settings)
    record = RecordActivities(storage=storage)
    payment = PaymentActivities(storage=storage, methods=methods)
    proofs = Proofs(
        storage=storage,
        validator=validator,
        issuers=issuers,
        publication=Publication(
            storage=storage, writers=zone_writers(settings), authorities=wiring.authorities(settings)
        ),
    )
    order = OrderActivities(
        storage=storage,
        issuers=issuers,
        sealer=wiring.customer_sealer(settings),
        key_maker=wiring.key_maker(),
        credentials=wiring.credentials(),
        validator=validator,
        proofs=proofs,
    )
    verification = VerificationActivities(proofs=proofs, check_interval=timedelta(seconds=settings.check_interval))
    issuance = IssuanceActivities(storage=storage, issuers=issuers, validator=validator)
    revocation = RevocationActivities(storage=storage, issuers=issuers, sealer=wiring.customer_sealer(settings))
    refund = RefundActivities(storage=storage, methods=methods)
    deletion = DeletionActivities(storage=storage)
    renewal = RenewalActivities(storage=storage, issuers=issuers)
    return _defined(record, payment, order, verification, issuance, renewal, revocation, refund, deletion)


def zone_writers(settings: Settings) -> ZoneWriters:
    """Return who writes proofs into customers' zones, and into the operator's own; raises BadSetting."""
    return ZoneWriters(
        sealer=wiring.customer_sealer(settings),
        providers=wiring.dns_providers(settings),
        delegation=wiring.delegation_zone(settings),
    )


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


def target_worker(
    client: Client, settings: Settings, activities: Sequence[Callable[..., Any]], *, host: str | None
) -> Worker:
    """Return a worker on the queue of a host's targets, or (None) of those that any worker can reach."""
    beat = timedelta(seconds=settings.heartbeat_interval)
    return Worker(
        client,
        task_queue=queue_of(host),
        activities=activities,
        interceptors=[Heartbeats(beat), Failures()],
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=TARGETS_AT_ONCE,
        max_heartbeat_throttle_interval=beat,
    )


def _defined(*rooms: object) -> list[Callable[..., Any]]:
    """Find the methods that are activities, so that a new one cannot be forgotten here."""
    methods = (getattr(room, name) for room in rooms for name in dir(room) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
