"""What the timeline says of targets: each way a thing can go has its own sentence."""

from datetime import timedelta

import pytest

from api.timeline import words
from certloom.domain import fact as f
from certloom.domain.deployment import ENDS, DeploymentState, DriftProblem, Trigger
from tests.api.places import add, deploy, end
from tests.api.world import World
from tests.lives import NOW

AGAIN = "2026-11-23 12:05 UTC"


def ended(outcome: DeploymentState, *, number: int | None = 2, again: bool = False, gone: bool = False) -> list[str]:
    fact = f.DeploymentEnded(
        at=NOW,
        deployment_id="dep_1",
        target_id="tgt_1",
        number=number,
        outcome=outcome,
        why=None if outcome is DeploymentState.DEPLOYED else "www served another certificate.",
        retry_at=NOW + timedelta(minutes=5) if again else None,
        target_gone=gone,
    )
    return [part or "" for part in words(fact)]


@pytest.mark.parametrize("outcome", sorted(ENDS))
@pytest.mark.parametrize("number", [2, None])
def test_every_end_is_told(outcome: DeploymentState, number: int | None) -> None:
    """The sentence names the target, says whose certificate it was, and is another for each outcome."""
    sentence, _, _ = ended(outcome, number=number)
    assert "tgt_1" in sentence
    if outcome is not DeploymentState.SUPERSEDED:
        assert ("number 2" in sentence) == (number == 2)
        assert ("elsewhere" in sentence) == (number is None)
    others = [ended(other, number=number)[0] for other in ENDS - {outcome}]
    assert sentence not in others


def test_what_was_there_before_is_said_to_be_served_again() -> None:
    """A rollback puts minds at rest, and says why and when it goes on."""
    sentence, why, following = ended(DeploymentState.ROLLED_BACK, again=True)
    assert "What was there before is served again." in sentence
    assert why == "www served another certificate."
    assert following == f"It is tried again at {AGAIN}."
    assert "deploy again" in ended(DeploymentState.ROLLED_BACK)[2]


def test_a_failure_calls_somebody() -> None:
    """Somebody must look, also when it is tried again."""
    for again in (False, True):
        following = ended(DeploymentState.FAILED, again=again)[2]
        assert following.startswith("Look at the target.")
        assert (AGAIN in following) is again


def test_a_deleted_target_is_not_tried_again() -> None:
    """Whatever the outcome."""
    assert "deleted" in ended(DeploymentState.SUPERSEDED, gone=True, again=True)[2]


@pytest.mark.parametrize("trigger", list(Trigger))
def test_every_trigger_is_a_reason(trigger: Trigger) -> None:
    """Why a deployment began is told for each trigger."""
    started = f.DeploymentStarted(at=NOW, deployment_id="dep_1", target_id="tgt_1", number=2, trigger=trigger)
    sentence, why, following = words(started)
    assert why
    assert following
    assert ("put back" in sentence) == (trigger is Trigger.ROLLBACK)


@pytest.mark.parametrize("problem", list(DriftProblem))
def test_every_drift_is_told_with_what_was_seen(problem: DriftProblem) -> None:
    """What was seen is the reason, and what happens by itself comes next."""
    seen = f.DriftSeen(at=NOW, target_id="tgt_1", problem=problem, detail="www served another certificate.")
    sentence, why, following = words(seen)
    assert "tgt_1" in sentence
    assert why == "www served another certificate."
    assert "by itself" in (following or "") or "renewal" in (following or "")


async def test_the_story_of_a_deployment(world: World) -> None:
    """Beginning and end stand in the certificate's timeline."""
    certificate, target = await world.issued(), await add(world)
    (begun,) = await deploy(world, certificate, target)
    await end(world, begun["id"])
    events = (await world.get(f"/v1/certificates/{certificate['id']}/events"))["items"]
    assert [(event["what"], event["who"]) for event in events[:2]] == [
        ("deployment_ended", "system"),
        ("deployment_started", "keymember"),
    ]
    assert events[0]["sentence"] == f"Certificate number 1 is served by every endpoint of the target {target['id']}."
