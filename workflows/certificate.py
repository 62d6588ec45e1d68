"""The workflow of one certificate, as Temporal and its operators see it: signals, updates, the query, the run.

Handlers leave what is asked to workflows/life.py, which does the work; `run` never fails.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.common import RawValue

from activities.failures import to_failure
from certloom.domain import command as c
from certloom.domain.errors import CertloomError, PaymentRefused, TooSoon
from certloom.domain.rights import CHECK_EVERY, check, not_now
from certloom.domain.state import CertificateState
from workflows.intent import Ignored, Intent
from workflows.life import Life
from workflows.names import WORKFLOW_TYPE
from workflows.signals import read_signal
from workflows.start import Start


@workflow.defn(name=WORKFLOW_TYPE)
class CertificateWorkflow:
    """One certificate. Everything that crosses a continue-as-new is in `Start`."""

    @workflow.init
    def __init__(self, start: Start) -> None:
        self._life = Life(start)
        self._checked_at: datetime | None = None

    @workflow.run
    async def run(self, start: Start) -> None:  # noqa: ARG002 - __init__ took it
        """Live until deleted. A cancel request is recorded and ignored (DESIGN 4.3)."""
        life = asyncio.create_task(self._life.live())
        while not life.done():
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                if not life.done():
                    why = "a certificate ends by withdraw, revoke or delete"
                    self._life.ask(Intent(Ignored(message="cancel", why=why, actor="temporal"), from_signal=True))
        if life.result():
            workflow.continue_as_new(self._life.rest_of_it())

    async def _answer(self, command: c.Command) -> c.Accepted:
        intent = Intent(command)
        self._life.ask(intent)
        await workflow.wait_condition(lambda: self._life.is_settled(intent))
        if intent.refusal:
            raise to_failure(intent.refusal)
        if intent.version is None:  # it came while the certificate was being deleted
            raise to_failure(not_now(self._life.state, "This certificate is deleted."))
        return c.Accepted(version=self._life.recorded)

    def _refuse_unless_allowed(self, command: c.Command) -> None:
        try:
            check(command, self._life.state, workflow.now())
        except CertloomError as refusal:
            raise to_failure(refusal) from refusal

    @workflow.update
    async def pay(self, command: c.Pay) -> c.Accepted:
        """Charge the order."""
        answer = await self._answer(command)
        if declined := self._life.declined:
            raise to_failure(PaymentRefused(declined.detail, code=declined.code))
        return answer

    @workflow.update
    async def apply(self, command: c.Apply) -> c.Accepted:
        """Open an application."""
        return await self._answer(command)

    @workflow.update
    async def check_now(self, command: c.CheckNow) -> c.Accepted:
        """Look for the proof at once."""
        self._checked_at = workflow.now()
        return await self._answer(command)

    @workflow.update
    async def review(self, command: c.Decide) -> c.Accepted:
        """Approve or reject an OV or EV application."""
        return await self._answer(command)

    @workflow.update(name="withdraw")
    async def withdraw_application(self, command: c.Withdraw) -> c.Accepted:
        """Take the application back."""
        return await self._answer(command)

    @workflow.update(name="revoke")
    async def revoke_certificate(self, command: c.Revoke) -> c.Accepted:
        """Revoke, then refund by the policy."""
        return await self._answer(command)

    @workflow.update
    async def cancel_order(self, command: c.CancelOrder) -> c.Accepted:
        """End a paid order that was never issued."""
        return await self._answer(command)

    @workflow.update
    async def renew(self, command: c.Renew) -> c.Accepted:
        """Issue anew within the plan, now."""
        return await self._answer(command)

    @workflow.update
    async def replace(self, command: c.Replace) -> c.Accepted:
        """Issue anew, then revoke the older issuances."""
        return await self._answer(command)

    @workflow.update
    async def deploy(self, command: c.Deploy) -> c.Accepted:
        """Put the newest issuance on targets; each goes its own way."""
        return await self._answer(command)

    @workflow.update
    async def roll_back(self, command: c.RollBack) -> c.Accepted:
        """Put back what a target held before."""
        return await self._answer(command)

    @workflow.update
    async def detach(self, command: c.Detach) -> c.Accepted:
        """Look after a deleted target no more."""
        return await self._answer(command)

    @workflow.update
    async def delete(self, command: c.Delete) -> c.Accepted:
        """Delete for good."""
        return await self._answer(command)

    @workflow.update
    async def relabel(self, command: c.Relabel) -> c.Accepted:
        """Change the customer's own label."""
        return await self._answer(command)

    @pay.validator
    def _may_pay(self, command: c.Pay) -> None:
        self._refuse_unless_allowed(command)

    @apply.validator
    def _may_apply(self, command: c.Apply) -> None:
        self._refuse_unless_allowed(command)

    @check_now.validator
    def _may_check_now(self, command: c.CheckNow) -> None:
        self._refuse_unless_allowed(command)
        if self._checked_at and workflow.now() < self._checked_at + CHECK_EVERY:
            detail = "The proof was looked for within the last 10 seconds."
            raise to_failure(TooSoon(detail, retry_at=self._checked_at + CHECK_EVERY))

    @review.validator
    def _may_review(self, command: c.Decide) -> None:
        self._refuse_unless_allowed(command)

    @withdraw_application.validator
    def _may_withdraw(self, command: c.Withdraw) -> None:
        self._refuse_unless_allowed(command)

    @revoke_certificate.validator
    def _may_revoke(self, command: c.Revoke) -> None:
        self._refuse_unless_allowed(command)

    @cancel_order.validator
    def _may_cancel_order(self, command: c.CancelOrder) -> None:
        self._refuse_unless_allowed(command)

    @renew.validator
    def _may_renew(self, command: c.Renew) -> None:
        self._refuse_unless_allowed(command)

    @replace.validator
    def _may_replace(self, command: c.Replace) -> None:
        self._refuse_unless_allowed(command)

    @deploy.validator
    def _may_deploy(self, command: c.Deploy) -> None:
        self._refuse_unless_allowed(command)

    @roll_back.validator
    def _may_roll_back(self, command: c.RollBack) -> None:
        self._refuse_unless_allowed(command)

    @detach.validator
    def _may_detach(self, command: c.Detach) -> None:
        self._refuse_unless_allowed(command)

    @delete.validator
    def _may_delete(self, command: c.Delete) -> None:
        self._refuse_unless_allowed(command)

    @relabel.validator
    def _may_relabel(self, command: c.Relabel) -> None:
        self._refuse_unless_allowed(command)

    @workflow.signal(dynamic=True)
    def any_signal(self, name: str, values: Sequence[RawValue]) -> None:
        """Take a signal from the Temporal UI or CLI; what does not apply is recorded."""
        self._life.ask(read_signal(name, values, workflow.payload_converter(), workflow.now()))

    @workflow.query
    def view(self) -> CertificateState:
        """Return the state as the workflow knows it."""
        return self._life.state
