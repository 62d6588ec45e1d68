"""What a place that serves certificates promises: take one, put the one before back, drop what is not wanted any more.

Whether it is really served is told by no target but by a handshake: the Prover's, with the same rules for all kinds.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from certloom.domain.errors import Refusal
from certloom.domain.look import Finding, Look, Sight, Tried
from certloom.domain.model import Model
from certloom.domain.target import Endpoint, TargetCredentials
from certloom.domain.target import Target as TargetRecord

__all__ = ["Finding", "Look", "Sight", "Tried"]  # seen by whoever implements what stands below


class TargetRefused(Refusal):
    """The target will not take it as asked, and will not when asked again; the sentence is for whoever runs it."""

    code = "target_refused"


@dataclass(frozen=True, slots=True)
class Material:
    """One issuance as targets take it. PEM is normalised: 64 columns, LF, no blank lines. The key is never shown."""

    fingerprint_sha256: str  # lower-case hexadecimal
    serial: str  # lower-case hexadecimal, no leading zeros
    names: tuple[str, ...]
    leaf_pem: str
    chain_pem: str  # intermediates in order, may be empty
    key_pem: str = field(repr=False)  # PKCS#8, unencrypted


class Standing(Model):
    """What the slot holds before we touch it; kept until the deployment is over, so nothing secret goes in.

    `fingerprint_sha256` is None for an empty slot, and where the target does not tell; there whoever called `examine`
    fills it in when `serial` (lower-case hexadecimal, no leading zeros), or a handshake, tells that it is one of ours.
    `facts` are the kind's own: a version's folder, a certificate's id at the cloud.
    """

    fingerprint_sha256: str | None = None
    serial: str | None = None
    facts: Mapping[str, str] = {}


class Target(Protocol):
    """One opened slot: every call may be made again after a crash at any moment, and takes at most about 20 s.

    They raise TargetRefused, AddressRefused or Outage, and nothing else.

    Places that answer with a job instead of a result raise Outage with a `retry_after` from `install` until the job
    is done: the same call comes again, with the same material.
    """

    async def examine(self) -> Standing:
        """Read what the slot holds now; changes nothing."""
        ...

    async def install(self, material: Material, *, before: Standing) -> None:
        """Make the slot serve *material*, or change nothing that is served.

        *before* is what `examine` said ahead of the first attempt; whatever `roll_back` needs of it is kept at the
        target. Installed already is success. Raises TargetRefused for what the place itself finds wrong with the pair,
        after having put back what it had to change to find out.
        """
        ...

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:
        """Make the slot hold *before* again, also when *installed* arrived only in part, or not at all.

        *known* is the pair of `before.fingerprint_sha256` when it is one of ours; a pair from elsewhere is put back
        from what the target kept. Raises TargetRefused when there is no way back.
        """
        ...

    async def forget(self, before: Standing) -> None:
        """Remove what the slot held before, once the new one is proven: called only for what we installed ourselves.

        Never touches what is served or still referenced, and leaves what the kind keeps for a way back.
        """
        ...

    async def check(self) -> Sequence[Finding]:
        """Try everything that `install` will need, short of changing anything; raises nothing but Outage."""
        ...


@runtime_checkable
class Exclusive(Protocol):
    """An optional ability: targets with the same key are changed one at a time, across all workers."""

    @property
    def exclusive_key(self) -> str:
        """Names what must not be changed twice at once, such as one HAProxy process."""
        ...


class Targets(Protocol):
    """Opens targets of every kind."""

    def open(self, target: TargetRecord, credentials: TargetCredentials | None) -> AbstractAsyncContextManager[Target]:
        """Return the slot; nothing is sent before its first call.

        Raises TargetRefused for what this worker must not touch or lacks the parts for, AddressRefused, Outage.
        """
        ...


class Prover(Protocol):
    """Shakes hands with endpoints through the guarded dialer and reads the leaf; believes nothing else."""

    async def look(self, endpoint: Endpoint) -> Sequence[Look]:
        """Ask every permitted address of the endpoint once; never empty, raises nothing.

        At most about 10 s. What a refused address would have answered is not asked, let alone shown.
        """
        ...
