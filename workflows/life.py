"""Follows the agenda of one certificate: takes up what is asked, does what is due, waits, and records every fact.

The workflow's own side is in workflows/certificate.py: messages in, answers out.
"""

import contextlib
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributePair
from temporalio.exceptions import ActivityError

from activities.failures import from_failure
from activities.proof import looking
from activities.record import RecordActivities
from activities.refund import RefundActivities, RefundQuestion
from activities.verification import Seen, VerificationActivities
from activities.work import Work
from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.agenda import deadline, next_step, redeployment
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.errors import CertloomError, Outage
from certloom.domain.evolve import evolve
from certloom.domain.rights import check
from certloom.domain.step import Step, StepKind
from workflows import options
from workflows.children import Children
from workflows.decisions import fact_of_date, facts_of, redeployments, wants_proof
from workflows.details import details
from workflows.effects import EFFECTS, trouble
from workflows.intent import Ignored, Intent
from workflows.search_attributes import changes, pairs
from workflows.start import Start
from workflows.usage import require_unused


class Life:
    """The state, what was asked of it, and the way from one step to the next."""

    def __init__(self, start: Start) -> None:
        self.state = start.state
        self.recorded = start.state.version - len(start.unrecorded)
        self.declined: f.PaymentDeclined | None = None
        self._unrecorded = list(start.unrecorded)
        self._intents: deque[Intent] = deque()
        self._unsettled: list[Intent] = []
        self._look: workflow.ActivityHandle[Seen] | None = None
        self._renewing = False  # a renewal starts: the next run begins with it
        self._shown: dict[str, SearchAttributePair[Any]] = {}
        self._children = Children(start.children)

    def ask(self, intent: Intent) -> None:
        """Leave a message for later; never waits."""
        self._intents.append(intent)
        if not intent.from_signal:
            self._unsettled.append(intent)

    async def live(self) -> bool:
        """Do what is asked, then what is due, then wait; True when the life goes on in a new run."""
        while not self.state.closed:
            if self._intents:
                await self._take_up(self._intents.popleft())
            elif self._children.wanting(self.state):
                await self._record()
                await self._children.start(self.state)
            elif self._may_continue() and await self._handed_over():
                return True
            else:
                await self._follow(next_step(self.state))
        await self._record()
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return False

    def rest_of_it(self) -> Start:
        """Return what the next run begins with."""
        children = self._children.of(self.state)
        return Start(state=self.state, unrecorded=tuple(self._unrecorded), children=children)

    def is_settled(self, intent: Intent) -> bool:
        """Whether an update can be answered: refused, or in the row with what follows at once."""
        if intent.refusal or (self.state.closed and intent.version is None):
            return True
        if intent.version is None or self.recorded < intent.version:
            return False
        stuck = self.state.delay is not None or self.state.attention is not None
        return stuck or not self._is_finishing(intent)

    def _is_finishing(self, intent: Intent) -> bool:
        if isinstance(intent.wanted, c.Pay):
            return self.state.status is CertificateStatus.AWAITING_PAYMENT
        if isinstance(intent.wanted, c.Revoke | c.CancelOrder):
            return self.state.phase in (Phase.REVOKING, Phase.REFUNDING)
        return isinstance(intent.wanted, c.Delete) and self.state.phase is Phase.DELETING

    # What is asked

    async def _take_up(self, intent: Intent) -> None:
        try:
            if isinstance(intent.wanted, c.Command):
                check(intent.wanted, self.state, workflow.now())
            await self._carry_out(intent)
        except CertloomError as refusal:
            intent.refusal = refusal
            if intent.from_signal:
                ignored = Ignored(message=type(intent.wanted).__name__.lower(), why=refusal.detail)
                self._happen(*facts_of(ignored, self.state, workflow.now()))
        intent.version = self.state.version

    async def _carry_out(self, intent: Intent) -> None:
        wanted = intent.wanted
        if isinstance(wanted, c.CheckNow):
            self._stop_looking()
        elif isinstance(wanted, c.Revoke):
            if not wanted.force:
                await require_unused(self.state)
            await self._ask_refund(wanted, reason_given=wanted)
        elif isinstance(wanted, c.CancelOrder):
            await self._ask_refund(wanted)
        else:
            if isinstance(wanted, c.Delete):
                await require_unused(self.state)
            self._happen(*facts_of(wanted, self.state, workflow.now()))
            self._renewing = self._renewing or isinstance(wanted, c.Renew)

    async def _ask_refund(self, wanted: c.Command, reason_given: c.Revoke | None = None) -> None:
        """Let the request be recorded with its quote; when that fails the request is refused, and nothing changed."""
        question = RefundQuestion(
            state=self.state,
            unrecorded=tuple(self._unrecorded),
            requested_at=wanted.requested_at,
            actor=wanted.actor,
            reason=reason_given.reason if reason_given else None,
            force=reason_given.force if reason_given else False,
        )
        try:
            done = await workflow.execute_activity_method(
                RefundActivities.calculate_refund, question, summary="quote", **options.RECORD
            )
        except ActivityError as error:
            raise from_failure(error.cause) or Outage("The refund could not be calculated.") from error
        self._written(self.state.version)
        self._happened(done.fact)

    # What is due

    async def _follow(self, step: Step) -> None:
        end = deadline(self.state)
        again = redeployment(self.state)
        if end and end.kind and self._is_due(end):
            await self._perform(end.kind)  # what is over is not begun, prepared or signed any more
        elif again and self._is_due(again):
            await self._perform(StepKind.REDEPLOY)  # beside whatever else is under way
        elif step.kind is None or not self._is_due(step):
            await self._rest(until=step.at)
        elif step.kind is StepKind.LOOK:
            await self._prove()
        else:
            await self._perform(step.kind)

    async def _perform(self, kind: StepKind) -> None:
        now = workflow.now()
        if kind in EFFECTS:
            await self._effect(kind)
        elif kind is StepKind.CANCEL_UNUSED:
            await self._cancel_unused(now)
        elif kind is StepKind.ASK_FOR_PROOF:
            await self._ask_for_proof()
        elif kind is StepKind.REDEPLOY:
            self._happen(*redeployments(self.state, now))
        else:
            self._happen(fact_of_date(kind, self.state, now))
            self._renewing = kind is StepKind.RENEW

    async def _effect(self, kind: StepKind) -> None:
        work = Work(state=self.state, unrecorded=tuple(self._unrecorded))
        try:
            done = await workflow.execute_activity_method(EFFECTS[kind], work, summary=kind, **options.EFFECT)
        except ActivityError as error:
            self._happen(trouble(kind, error, self.state, workflow.now()))
            return
        self._written(self.state.version)
        self._happened(done.fact)
        if done.proven_at and not self._intents:  # who withdrew meanwhile is heard first; then a look finds it again
            self._happen(f.Proven(at=done.proven_at))

    async def _cancel_unused(self, now: datetime) -> None:
        try:
            await self._ask_refund(c.CancelOrder(request_id="unused", actor=f.SYSTEM, requested_at=now))
        except CertloomError as error:
            until = now + options.LONGEST_PAUSE
            self._happen(f.Delayed(at=now, step=StepKind.CANCEL_UNUSED, why=error.detail, until=until))

    async def _ask_for_proof(self) -> None:
        try:
            seen = await workflow.execute_activity_method(
                VerificationActivities.look, looking(self.state), summary="look ahead", **options.LOOK_ONCE
            )
        except ActivityError:
            self._happen(wants_proof(self.state, workflow.now()))
        else:
            self._happen(f.ProofRefreshed(at=seen.at))

    # Looking for the proof goes on beside everything else

    async def _prove(self) -> None:
        if self._look is None:
            await self._record()
            self._look = workflow.start_activity_method(
                VerificationActivities.look, looking(self.state), summary="look", **options.LOOK
            )
        end = deadline(self.state)
        if end and end.kind and self._is_due(end):
            await self._perform(end.kind)
        elif self._look.done():
            self._end_look()
        else:
            await self._rest(until=end.at if end else None)

    def _end_look(self) -> None:
        look, self._look = self._look, None
        error = look.exception() if look else None
        if isinstance(error, ActivityError):
            self._happen(trouble(StepKind.LOOK, error, self.state, workflow.now()))
        elif look and error is None:
            self._happen(f.Proven(at=look.result().at))

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look.add_done_callback(lambda look: look.cancelled() or look.exception())  # nobody else will ask
            self._look = None

    # Waiting

    async def _rest(self, *, until: datetime | None) -> None:
        await self._record()
        self._show()
        if (again := redeployment(self.state)) and again.at:
            until = min(until, again.at) if until else again.at
        timeout = max(until - workflow.now(), timedelta(milliseconds=1)) if until else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(self._woken, timeout=timeout, timeout_summary=next_step(self.state).why)

    def _woken(self) -> bool:
        return bool(self._intents) or (self._look is not None and self._look.done())

    def _is_due(self, step: Step) -> bool:
        return step.at is not None and step.at <= workflow.now()

    # A new run

    def _may_continue(self) -> bool:
        """Whether to go on in a new run; a look under way is then begun anew there."""
        if workflow.info().is_continue_as_new_suggested():
            self._stop_looking()
            return True
        return self._renewing and self._look is None

    async def _handed_over(self) -> bool:
        """Settle what handlers wait for; True when none is left and nothing new was asked."""
        await self._record()
        self._settle()
        if self._unsettled:
            return False
        await workflow.wait_condition(lambda: bool(self._intents) or workflow.all_handlers_finished())
        return not self._intents

    # Facts

    def _happen(self, *facts: f.Fact) -> None:
        """Let decisions of our own happen; an activity writes them soon."""
        for fact in facts:
            self.state = evolve(self.state, fact)
            self._unrecorded.append(f.Entry(version=self.state.version, fact=fact))
        self._after()

    def _happened(self, fact: f.Fact) -> None:
        """Follow a fact that an activity has written already."""
        self.state = evolve(self.state, fact)
        if isinstance(fact, f.PaymentDeclined):
            self.declined = fact
        self._written(self.state.version)
        self._after()

    def _after(self) -> None:
        if self.state.phase is not Phase.PROVING:
            self._stop_looking()

    async def _record(self) -> None:
        if self._unrecorded:
            work = Work(state=self.state, unrecorded=tuple(self._unrecorded))
            await workflow.execute_activity_method(RecordActivities.record, work, summary="record", **options.RECORD)
        self._written(self.state.version)

    def _written(self, version: int) -> None:
        self.recorded = version
        self._unrecorded = [entry for entry in self._unrecorded if entry.version > version]
        self._settle()

    def _settle(self) -> None:
        self._unsettled = [intent for intent in self._unsettled if not self.is_settled(intent)]

    def _show(self) -> None:
        """Tell operators where it stands: one upsert per transition, and the details."""
        news = {pair.key.name: pair for pair in pairs(self.state)}
        if updates := changes(self._shown, news):
            workflow.upsert_search_attributes(updates)
            self._shown = news
        workflow.set_current_details(details(self.state))
