"""What an operator reads in the Temporal UI: what it waits for, until when, and what a person may do.

Only ids, statuses, dates and A-labels go in, never text that somebody typed.
"""

from collections.abc import Mapping
from typing import Final

from certloom.domain.agenda import next_step
from certloom.domain.rights import allowed_actions
from certloom.domain.state import CertificateState
from certloom.domain.step import WaitReason

NAMES_SHOWN: Final = 10

WAITS: Final[Mapping[WaitReason, str]] = {
    WaitReason.PAYMENT: "the customer's payment; the order is cancelled then",
    WaitReason.APPLICATION: "the customer's application; the order is refunded then",
    WaitReason.PROOF: "the proof of control; the application closes then",
    WaitReason.REVIEW: "an operator's review; the application closes then",
    WaitReason.PROOF_FOR_RENEWAL: "the day on which the proof is looked for again, ahead of the renewal",
    WaitReason.RENEWAL: "the renewal",
    WaitReason.REMINDER: "the next reminder before the end",
    WaitReason.EXPIRY: "the end of plan and certificate",
    WaitReason.OUTAGE: "something outside that does not answer; tried again then",
    WaitReason.LIMIT: "the issuer's limits to leave room for it; tried again then",
    WaitReason.ATTENTION: "**an operator: send the signal `resume` to try again, or `skip` to give the step up**",
    WaitReason.DEPLOYMENT: "its targets: deployments under way, or the next try",
    WaitReason.DELETION: "nothing; it may be deleted",
    WaitReason.WORK: "the step under way",
}


def details(state: CertificateState) -> str:
    """Return the Markdown for the workflow's current details."""
    step = next_step(state)
    when = f" until {step.at:%Y-%m-%d %H:%M:%S} UTC" if step.at else ""
    actions = ", ".join(allowed_actions(state)) or "nothing"
    lines = [
        f"**{state.status}**, {state.phase}, version {state.version}",
        f"Waits for {WAITS[step.why]}{when}.",
        f"Now possible: {actions}.",
        f"Account {state.account_id}" + (f", product {state.product.id}" if state.product else ", uploaded"),
    ]
    if state.names:
        more = len(state.names) - NAMES_SHOWN
        shown = ", ".join(f"`{name}`" for name in state.names[:NAMES_SHOWN])
        lines.append(f"Names: {shown}" + (f" and {more} more" if more > 0 else ""))
    if leaf := state.issuance:
        lines.append(f"Issuance {leaf.number}: serial `{leaf.serial}`, ends {leaf.not_after:%Y-%m-%d %H:%M:%S} UTC")
    if state.placements:
        newest = leaf.number if leaf else 0
        well = sum(one.settled(newest) for one in state.placements)
        lines.append(f"Targets: {well} of {len(state.placements)} proven to serve the newest issuance.")
    for one in state.placements[:NAMES_SHOWN]:
        if one.deployment_id:
            lines.append(f"Deployment `deployment-{one.deployment_id}` to {one.target_id} is under way.")
        elif one.retry_at:
            lines.append(f"Target {one.target_id}: tried again at {one.retry_at:%Y-%m-%d %H:%M:%S} UTC.")
    if state.attention:
        lines.append(f"Parked at `{state.attention.step}` since {state.attention.since:%Y-%m-%d %H:%M:%S} UTC.")
    if state.delay:
        lines.append(f"Step `{state.delay.step}` failed {state.delay.count} time(s) in a row.")
    return "\n\n".join(lines)
