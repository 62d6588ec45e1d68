"""Every activity over the adapters of a test's world."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

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
from certloom.dns.fake import FakeDns
from certloom.issuers.interface import Issuer
from certloom.keys.credentials import PemCredentials
from certloom.keys.generation import KeyGeneration
from certloom.keys.sealing import AesGcmSealer
from certloom.payments.interface import PaymentMethod
from certloom.storage.engine import SqlStorage
from certloom.targets.fake import FakeProver, FakeTargets
from certloom.validation.fake import FakeValidator


def activities(
    storage: SqlStorage,
    sealer: AesGcmSealer,
    *,
    issuers: Mapping[str, Issuer],
    methods: Mapping[str, PaymentMethod],
    validator: FakeValidator,
    targets: FakeTargets,
    board: FakeDns,
) -> list[Callable[..., Any]]:
    """Build every activity over these adapters."""
    refund = RefundActivities(storage=storage, methods=methods)
    writers = ZoneWriters(sealer=sealer, providers=board)
    publication = Publication(storage=storage, writers=writers, authorities=board, settling=())
    proofs = Proofs(storage=storage, validator=validator, issuers=issuers, publication=publication)
    order = OrderActivities(
        storage=storage,
        issuers=issuers,
        sealer=sealer,
        key_maker=KeyGeneration(),
        credentials=PemCredentials(),
        validator=validator,
        proofs=proofs,
    )
    look = VerificationActivities(proofs=proofs, check_interval=timedelta(hours=6))
    materials = Materials(storage=storage, sealer=sealer)
    prover = FakeProver(targets)
    places = Places(storage=storage, targets=targets, prover=prover, materials=materials)
    deployment = DeploymentActivities(storage=storage, places=places, materials=materials)
    watch = WatchActivities(storage=storage, places=places, jitter=0, second_look=0)
    return [
        RecordActivities(storage=storage).record,
        PaymentActivities(storage=storage, methods=methods).charge,
        refund.calculate_refund,
        refund.refund,
        order.prepare,
        order.discard,
        look.look,
        IssuanceActivities(storage=storage, issuers=issuers, validator=validator).issue,
        RevocationActivities(storage=storage, issuers=issuers, sealer=sealer).revoke,
        DeletionActivities(storage=storage).destroy,
        RenewalActivities(storage=storage, issuers=issuers).ask_renewals,
        deployment.begin,
        deployment.install,
        deployment.prove,
        deployment.roll_back,
        deployment.prove_rollback,
        deployment.clean_up,
        deployment.settle,
        watch.hosts,
        watch.watch,
        watch.still_served,
        TargetActivities(storage=storage, places=places).attempt,
    ]
