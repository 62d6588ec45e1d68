"""Targets, the deployments to them, and who may change a place now: the tables behind certloom/targets.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from certloom.domain.deployment import DeploymentState
from certloom.domain.look import Look
from certloom.domain.target import Target
from certloom.storage.records import DeploymentRecord, Page, TargetRecord, Watched
from certloom.targets.interface import Standing


class TargetTable(Protocol):
    """Places to deploy to. A deleted one keeps its row, so that old deployments can still name it."""

    async def add(self, target: Target) -> bool:
        """Insert; False, and nothing changed, when the id or its slot is there already."""
        ...

    async def get(self, target_id: str) -> TargetRecord | None:
        """Return one, deleted ones too."""
        ...

    async def list(self, *, account_id: str | None, limit: int, cursor: str | None = None) -> Page[TargetRecord]:
        """List undeleted ones newest first; `account_id` None is for operators."""
        ...

    async def delete(self, target_id: str, at: datetime) -> bool:
        """Mark as deleted; False when it was before."""
        ...

    async def occupy(self, target_id: str, deployment_id: str) -> str | None:
        """Give the target to a deployment unless another unfinished one has it; return who has it then.

        None: there is no such target. Held until `release`, or until the holder's row has an end.
        """
        ...

    async def release(self, target_id: str, deployment_id: str) -> None:
        """Give it free again, if it is still held by this one."""
        ...

    async def settle(self, target_id: str, deployment_id: str | None) -> None:
        """Remember which deployment was proven there last; None when what is served is none of ours."""
        ...

    async def saw(self, target_id: str, looks: Sequence[Look], at: datetime) -> None:
        """Keep what the last watch saw at its endpoints."""
        ...

    async def watched(self, *, host: str | None, after: str | None, limit: int) -> Sequence[Watched]:
        """List by id the undeleted targets of a worker's host (None: of any worker) that serve an issuance of ours."""
        ...

    async def hosts(self) -> Sequence[str | None]:
        """List the hosts whose workers have undeleted targets to drive."""
        ...


class DeploymentTable(Protocol):
    """One row per deployment: what was asked, how far it is, what was seen, how it ended."""

    async def add(self, record: DeploymentRecord) -> None:
        """Insert; the same id again is left as it is."""
        ...

    async def get(self, deployment_id: str) -> DeploymentRecord | None:
        """Return one."""
        ...

    async def of_certificate(
        self, certificate_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[DeploymentRecord]:
        """List a certificate's, newest first."""
        ...

    async def of_target(self, target_id: str, *, limit: int) -> Sequence[DeploymentRecord]:
        """List the newest ones to a target, newest first."""
        ...

    async def put_there(self, target_id: str) -> Sequence[tuple[str, int]]:
        """List which issuances (certificate, number) were ever put on a target, the newest 200, newest first."""
        ...

    async def begin(
        self, deployment_id: str, *, served_before: Sequence[Look], before: Standing | None, at: datetime
    ) -> bool:
        """Remember what was there before anything is changed, and that it is being changed; the first call counts.

        False, and nothing is written, when it may not be installed any more (COMES_FROM).
        """
        ...

    async def progress(
        self,
        deployment_id: str,
        state: DeploymentState,
        *,
        at: datetime,
        seen: Sequence[Look] | None = None,
        why: str | None = None,
    ) -> bool:
        """Say how far it is, what was seen last and what is wrong with it; None leaves what was said before.

        False, and nothing is written, when that state may not be entered any more (COMES_FROM).
        """
        ...

    async def end(
        self, deployment_id: str, state: DeploymentState, *, why: str | None, at: datetime, displaced: str | None = None
    ) -> None:
        """Record the end, once: the first one stands."""
        ...

    async def unfinished(self, *, after: str | None, limit: int) -> Sequence[DeploymentRecord]:
        """List by id what has no end yet, for reconcile."""
        ...


class LeaseTable(Protocol):
    """Who may change a place now, across all workers; a lease ends by itself when its holder died."""

    async def take(self, key: str, holder: str, *, now: datetime, until: datetime) -> bool:
        """Take or prolong the lease; False while somebody else's has not ended."""
        ...

    async def release(self, key: str, holder: str) -> None:
        """Give it back; silent when it is not ours any more."""
        ...
