"""What a certificate remembers of its targets, and when it wants something there by itself."""

from datetime import timedelta

import pytest

from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.agenda import next_step, redeployment, renewal_at
from certloom.domain.certificate import Action, CertificateStatus, Phase
from certloom.domain.deployment import DeploymentState, DriftProblem, Placement, Trigger, retry_pause
from certloom.domain.errors import NotAllowedNow
from certloom.domain.evolve import evolve
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import OrderPurpose
from certloom.domain.rights import allowed_actions, check
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind
from tests.lives import NOW, issued, leaf

D = DeploymentState


def started(state: CertificateState, *, number: int | None = 1, trigger: Trigger = Trigger.REQUEST) -> CertificateState:
    fact = f.DeploymentStarted(at=NOW, deployment_id="dep_1", target_id="tgt_1", number=number, trigger=trigger)
    return evolve(state, fact)


def ended(state: CertificateState, outcome: DeploymentState, **more: object) -> CertificateState:
    known = {"deployment_id": "dep_1", "target_id": "tgt_1", "number": 1, **more}
    return evolve(state, f.DeploymentEnded.model_validate({"at": NOW, "outcome": outcome, **known}))


def deployed() -> CertificateState:
    return ended(started(issued()), D.DEPLOYED)


def renewed(state: CertificateState, *, reason: RevocationReason | None = None) -> CertificateState:
    purpose = OrderPurpose.REPLACEMENT if reason else OrderPurpose.RENEWAL
    begun = evolve(state, f.RenewalStarted(at=NOW, purpose=purpose, key_type=KeyType.ECDSA_P256, reason=reason))
    prepared = evolve(begun, f.Prepared(at=NOW, order_ref="order_2", challenges=()))
    return evolve(prepared, f.Issued(at=NOW, issuance=leaf(number=2, at=NOW), plan_days=365))


def test_a_proven_target_is_settled() -> None:
    """After a proof nothing is wanted, and the certificate rests."""
    state = deployed()

    assert state.placements == (Placement(target_id="tgt_1", proven=1),)
    assert redeployment(state) is None


@pytest.mark.parametrize("outcome", [D.ROLLED_BACK, D.SUPERSEDED])
def test_a_first_deployment_that_fails_leaves_no_target(outcome: DeploymentState) -> None:
    """What was never proven there is nothing to keep up."""
    assert ended(started(issued()), outcome).placements == ()


def test_a_first_deployment_with_no_way_back_is_remembered() -> None:
    """A leaf that may be served all the same is asked for before a revocation, and nothing more is done for it."""
    state = renewed(ended(started(issued()), D.FAILED, why="Stuck."))

    assert [(one.proven, one.last_error) for one in state.placements] == [(None, "Stuck.")]
    assert redeployment(state) is None


def test_a_new_issuance_is_wanted_at_every_target() -> None:
    """A renewal makes a redeployment due at once."""
    step = redeployment(renewed(deployed()))

    assert step is not None
    assert (step.kind, step.at) == (StepKind.REDEPLOY, NOW)


def test_a_failure_is_tried_again_later() -> None:
    """After a failed redeployment the next try comes at its date, and the proven issuance stays known."""
    later = NOW + timedelta(minutes=5)
    state = ended(started(renewed(deployed()), number=2), D.ROLLED_BACK, number=2, why="No.", retry_at=later)
    step = redeployment(state)

    assert step is not None
    assert step.at == later
    assert (state.placements[0].proven, state.placements[0].failures, state.placements[0].last_error) == (1, 1, "No.")


def test_pauses_grow_and_never_end() -> None:
    """Failures are tried again after 5, 10, 20 minutes and so on, at last twice a day for ever."""
    assert [retry_pause(count) for count in (1, 2, 3)] == [timedelta(minutes=count) for count in (5, 10, 20)]
    assert retry_pause(1_000) == timedelta(hours=12)


def test_a_report_told_twice_changes_nothing() -> None:
    """The end of a deployment that is not under way any more is no news."""
    state = deployed()

    assert ended(state, D.FAILED).placements == state.placements


def test_a_rollback_by_hand_is_left_alone() -> None:
    """What a person put back stays, until there is a newer issuance than the one rolled back from."""
    state = renewed(deployed())
    state = ended(started(state, number=2), D.DEPLOYED, number=2)
    state = ended(started(state, number=1, trigger=Trigger.ROLLBACK), D.DEPLOYED, number=1)

    assert (state.placements[0].proven, state.placements[0].passed_over) == (1, 2)
    assert redeployment(state) is None
    assert state.placements[0].wanted(3) == 3


def test_what_came_from_elsewhere_ends_the_hold() -> None:
    """A rollback to a certificate that is not ours takes the target off the certificate."""
    state = started(deployed(), number=None, trigger=Trigger.ROLLBACK)

    assert ended(state, D.DEPLOYED, number=None).placements == ()


def test_drift_is_repaired_with_what_was_proven() -> None:
    """After drift the issuance that was proven there is wanted again."""
    state = evolve(deployed(), f.DriftSeen(at=NOW, target_id="tgt_1", problem=DriftProblem.WRONG, detail="Other."))

    assert state.placements[0].wanted(1) == 1
    assert not state.placements[0].settled(1)


def test_a_leaf_that_was_held_back_gives_way_before_it_ends() -> None:
    """When a rolled-back target's leaf is about to end, the newest one is wanted after all."""
    state = ended(started(renewed(deployed()), number=2), D.DEPLOYED, number=2)
    state = ended(started(state, number=1, trigger=Trigger.ROLLBACK), D.DEPLOYED, number=1)
    state = evolve(state, f.DriftSeen(at=NOW, target_id="tgt_1", problem=DriftProblem.EXPIRING, detail="Soon."))

    assert state.placements[0].wanted(2) == 2


def test_displaced_by_another() -> None:
    """A target where another certificate was proven is not this one's any more."""
    assert evolve(deployed(), f.Displaced(at=NOW, target_id="tgt_1", by="cert_9")).placements == ()


def test_displaced_while_deploying() -> None:
    """One that is under way there again tells by itself how it ends."""
    state = evolve(started(deployed()), f.Displaced(at=NOW, target_id="tgt_1", by="cert_9"))

    assert (state.placements[0].deployment_id, state.placements[0].proven) == ("dep_1", None)


def test_a_replacement_waits_for_its_targets() -> None:
    """The replaced leaf is revoked when the last target was seen to serve the new one, or is gone."""
    waiting = renewed(deployed(), reason=RevocationReason.SUPERSEDED)
    proven = ended(started(waiting, number=2), D.DEPLOYED, number=2)
    detached = evolve(waiting, f.Detached(at=NOW, target_id="tgt_1"))

    assert [waiting.phase, proven.phase, detached.phase] == [Phase.DEPLOYING, Phase.REVOKING, Phase.REVOKING]


def test_a_compromised_key_waits_for_a_day_only() -> None:
    """A failing target holds up a replacement until the next renewal, but a compromised key for a day only."""
    later = NOW + timedelta(days=3)
    failing = {"outcome": D.ROLLED_BACK, "number": 2, "retry_at": later}
    steps = {
        reason: next_step(ended(started(renewed(deployed(), reason=reason), number=2), **failing))  # type: ignore[arg-type]
        for reason in (RevocationReason.SUPERSEDED, RevocationReason.KEY_COMPROMISE)
    }

    assert steps[RevocationReason.SUPERSEDED].kind is StepKind.REDEPLOY
    assert steps[RevocationReason.KEY_COMPROMISE].kind is StepKind.RETIRE
    assert steps[RevocationReason.KEY_COMPROMISE].at == NOW + timedelta(hours=24)


def test_nothing_is_put_anywhere_once_it_is_over() -> None:
    """A revoked or expired certificate wants no deployment, whatever its targets serve."""
    state = renewed(deployed())

    assert redeployment(state.model_copy(update={"status": CertificateStatus.EXPIRED})) is None
    assert redeployment(state.model_copy(update={"phase": Phase.REVOKING})) is None


def test_one_failing_target_does_not_stop_renewals() -> None:
    """A replacement that never gets proven everywhere is over when the new leaf has to be renewed."""
    later = NOW + timedelta(days=365)
    waiting = renewed(deployed(), reason=RevocationReason.SUPERSEDED)
    state = ended(started(waiting, number=2), D.ROLLED_BACK, number=2, retry_at=later)
    step = next_step(state)
    after = evolve(state, f.RetirementDue(at=NOW))

    assert (step.kind, step.at) == (StepKind.RETIRE, renewal_at(state))
    assert after.phase is Phase.REVOKING


def test_an_expired_certificate_has_nothing_to_retire() -> None:
    """The end of a replacement's certificate leaves nothing to revoke, and it can be deleted."""
    waiting = renewed(deployed(), reason=RevocationReason.SUPERSEDED)
    state = evolve(waiting, f.Expired(at=NOW + timedelta(days=400)))

    assert state.retiring is None
    assert allowed_actions(state) == (Action.DELETE,)


def test_nobody_goes_back_to_what_is_about_to_be_revoked() -> None:
    """While a replacement waits for its targets, a rollback to the leaf that it replaces is refused."""
    waiting = ended(started(renewed(deployed(), reason=RevocationReason.SUPERSEDED), number=2), D.FAILED, number=2)
    item = c.DeployItem(deployment_id="dep_9", target_id="tgt_1")
    asked = c.RollBack(request_id="r", actor="key_1", requested_at=NOW, item=item, restores="dep_1", number=1)

    with pytest.raises(NotAllowedNow) as refusal:
        check(asked, waiting, NOW)
    assert refusal.value.special_code == "nothing_to_restore"


def test_a_revoked_leaf_is_held_by_nobody() -> None:
    """Once old leaves are revoked, a target that a person took back to one wants the newest."""
    state = ended(started(renewed(deployed()), number=2), D.DEPLOYED, number=2)
    state = ended(started(state, number=1, trigger=Trigger.ROLLBACK), D.DEPLOYED, number=1)
    state = evolve(state, f.Retired(at=NOW, serials=("1",)))

    assert state.placements[0].wanted(2) == 2


def test_an_expiring_leaf_leaves_the_renewal_alone() -> None:
    """The watch never turns a renewal that waits into one that is tried at each look."""
    waits = NOW + timedelta(days=1)
    state = evolve(deployed(), f.RenewalFailed(at=NOW, detail="No.", retry_at=waits))
    seen = f.DriftSeen(at=NOW, target_id="tgt_1", problem=DriftProblem.EXPIRING, detail="Soon.")

    assert evolve(state, seen).renewal.not_before == waits
