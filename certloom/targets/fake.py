"""Targets and a prover for tests and rehearsals: they keep the promises of interface.py, and go wrong on request.

    targets = FakeTargets()
    targets.serve(target.id, "ab12...")
    targets.trouble(target.id, Trouble.STALE, endpoint=1)
    prover = FakeProver(targets)

Slots are kept in memory by target id, and outlive whoever opened them, as a real place outlives a worker.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certloom.domain.errors import Outage
from certloom.domain.target import Endpoint, TargetCredentials
from certloom.domain.target import Target as TargetRecord
from certloom.targets.interface import Finding, Look, Material, Sight, Standing, Target, TargetRefused

CallName = Literal["open", "examine", "install", "roll_back", "forget", "check"]


class Trouble(StrEnum):
    """What goes wrong: the first four in a call to the target, the others in a look at its endpoints."""

    REFUSE = "refuse"  # TargetRefused; nothing was done
    OUTAGE = "outage"  # Outage; nothing was done
    KEEP = "keep"  # accepted, and nothing was done
    CRASH = "crash"  # done, and then `error` is raised (without it, Outage); once, unless `times` says more

    STALE = "stale"  # goes on serving what was served when the trouble began
    OTHER = "other"  # serves the certificate of another name
    HANG = "hang"  # listens, and no handshake comes about
    UNREACHABLE = "unreachable"
    DENIED = "denied"  # the address is on the deny list


class Call(NamedTuple):
    """One call that was made, also when it then went wrong."""

    target_id: str
    name: CallName
    fingerprint_sha256: str | None = None  # of the material, for install; of `before`, for roll_back and forget


@dataclass(frozen=True)
class Leaf:
    """What a slot holds, as far as a handshake tells."""

    fingerprint_sha256: str
    serial: str | None = None
    names: tuple[str, ...] = ()
    not_after: datetime | None = None


OTHER_LEAF: Final = Leaf("0" * 64, serial="bad", names=("other.invalid",))


@dataclass
class _Script:
    trouble: Trouble
    call: CallName | Literal["any"]
    endpoint: int | None
    address: int | None
    left: int | None  # None: until healed
    error: BaseException | None
    stale: Leaf | None


@dataclass
class _Slot:
    held: Leaf | None = None
    kept: dict[str, Leaf] = field(default_factory=dict)  # what a way back needs
    changes: list[str | None] = field(default_factory=list)
    scripts: list[_Script] = field(default_factory=list)
    addresses: int = 1
    exclusive_key: str | None = None

    @property
    def served(self) -> str | None:
        return self.held.fingerprint_sha256 if self.held else None

    def hold(self, leaf: Leaf | None) -> None:
        wanted = leaf.fingerprint_sha256 if leaf else None
        if self.served != wanted:
            self.held = leaf
            self.changes.append(wanted)

    def take(self, call: CallName, *troubles: Trouble) -> _Script | None:
        found = (script for script in self.scripts if script.trouble in troubles and script.call in (call, "any"))
        return self._counted(next(found, None))

    def take_look(self, endpoint: int, address: int) -> _Script | None:
        looks = (script for script in self.scripts if script.trouble not in _IN_CALLS)
        found = (s for s in looks if s.endpoint in (None, endpoint) and s.address in (None, address))
        return self._counted(next(found, None))

    def _counted(self, script: _Script | None) -> _Script | None:
        if script is not None and script.left is not None:
            script.left -= 1
            if script.left <= 0:
                self.scripts.remove(script)
        return script


_IN_CALLS: Final = frozenset({Trouble.REFUSE, Trouble.OUTAGE, Trouble.KEEP, Trouble.CRASH})


class FakeTargets:
    """Implements Targets. A target that nothing was said of has an empty slot and no trouble.

    `delay`, in seconds, stands in the middle of every call. `calls` are in order; `credentials` are what each target
    was last opened with; `overlapped` lists the exclusive keys under which two changes were made at once.
    """

    def __init__(self, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.calls: list[Call] = []
        self.credentials: dict[str, TargetCredentials | None] = {}
        self.overlapped: list[str] = []
        self._slots: defaultdict[str, _Slot] = defaultdict(_Slot)
        self._places: dict[str, tuple[str, int]] = {}
        self._changing: set[str] = set()

    def register(self, target: TargetRecord) -> None:
        """Let provers find the target by its endpoints, as `open` does; of two with one endpoint the last is found."""
        self._places |= {str(endpoint): (target.id, index) for index, endpoint in enumerate(target.endpoints)}

    def serve(self, target_id: str, leaf: str | Leaf | Material | None) -> None:
        """Let the slot hold this from now on, as if it came from elsewhere: a fingerprint is enough, None empties."""
        self._slots[target_id].hold(Leaf(leaf) if isinstance(leaf, str) else _leaf(leaf))

    def served(self, target_id: str) -> str | None:
        """Return the fingerprint that the slot holds, whatever the troubles of its endpoints."""
        return self._slots[target_id].served

    def changes(self, target_id: str) -> Sequence[str | None]:
        """Return every fingerprint that the slot came to hold: one for each effect, not for each call."""
        return tuple(self._slots[target_id].changes)

    def trouble(
        self,
        target_id: str,
        trouble: Trouble,
        *,
        call: CallName | Literal["any"] = "install",
        endpoint: int | None = None,
        address: int | None = None,
        times: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Let it go wrong until `heal`, or *times* times: calls, or looks at one address.

        *call* says in which call; *endpoint* and *address*, counted from 0, narrow troubles in looks. *error* is raised
        by CRASH, and by REFUSE and OUTAGE in place of their own.
        """
        slot = self._slots[target_id]
        left = 1 if times is None and trouble is Trouble.CRASH else times
        slot.scripts.append(_Script(trouble, call, endpoint, address, left, error, slot.held))

    def heal(self, target_id: str) -> None:
        """End all trouble of the target."""
        self._slots[target_id].scripts.clear()

    def spread(self, target_id: str, addresses: int) -> None:
        """Let every endpoint of the target have that many addresses, 192.0.2.1 and up; one is what they begin with."""
        self._slots[target_id].addresses = addresses

    def share(self, key: str, *target_ids: str) -> None:
        """Let these targets have the ability Exclusive, with this key, when they are opened next."""
        for target_id in target_ids:
            self._slots[target_id].exclusive_key = key

    @asynccontextmanager
    async def _opened(self, target: TargetRecord, credentials: TargetCredentials | None) -> AsyncIterator[Target]:
        slot = self._slots[target.id]
        self.register(target)
        self.credentials[target.id] = credentials
        async with self._called(slot, Call(target.id, "open")):
            pass
        yield (FakeTarget if slot.exclusive_key is None else ExclusiveFakeTarget)(self, target.id)

    def open(self, target: TargetRecord, credentials: TargetCredentials | None) -> AbstractAsyncContextManager[Target]:
        """See Targets; registers the target."""
        return self._opened(target, credentials)

    @asynccontextmanager
    async def _called(self, slot: _Slot, call: Call) -> AsyncIterator[bool]:
        """Log the call and go wrong around it as scripted; yields whether to act."""
        self.calls.append(call)
        if script := slot.take(call.name, Trouble.REFUSE, Trouble.OUTAGE):
            raise script.error or _scripted(script.trouble)
        act = slot.take(call.name, Trouble.KEEP) is None
        async with self._alone(slot.exclusive_key if call.name in {"install", "roll_back", "forget"} else None):
            yield act
        if script := slot.take(call.name, Trouble.CRASH):
            raise script.error or Outage("The fake target acted, and its answer was lost.")

    @asynccontextmanager
    async def _alone(self, key: str | None) -> AsyncIterator[None]:
        if key in self._changing:
            self.overlapped.append(str(key))
        if key is not None:
            self._changing.add(key)
        try:
            await asyncio.sleep(self.delay)
            yield
        finally:
            self._changing.discard(str(key))


class FakeTarget:
    """Implements Target over one slot of FakeTargets."""

    def __init__(self, targets: FakeTargets, target_id: str) -> None:
        self._id = target_id
        self._targets = targets
        self._slot = targets._slots[target_id]  # noqa: SLF001 - one fake, in two classes

    def _called(self, name: CallName, fingerprint: str | None = None) -> AbstractAsyncContextManager[bool]:
        return self._targets._called(self._slot, Call(self._id, name, fingerprint))  # noqa: SLF001 - as above

    async def examine(self) -> Standing:
        """See Target."""
        async with self._called("examine"):
            return Standing(fingerprint_sha256=self._slot.served)

    async def install(self, material: Material, *, before: Standing) -> None:  # noqa: ARG002 - it keeps what it finds
        """See Target."""
        async with self._called("install", material.fingerprint_sha256) as act:
            _require_pair(material)
            if act:
                self._slot.kept |= {leaf.fingerprint_sha256: leaf for leaf in (self._slot.held,) if leaf}
                self._slot.hold(_leaf(material))

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:  # noqa: ARG002
        """See Target; there is no way back to what was neither kept nor is known."""
        async with self._called("roll_back", before.fingerprint_sha256) as act:
            back = self._way_back(before.fingerprint_sha256, known)
            if act:
                self._slot.hold(back)

    async def forget(self, before: Standing) -> None:
        """See Target."""
        async with self._called("forget", before.fingerprint_sha256) as act:
            if act:
                self._slot.kept.pop(before.fingerprint_sha256 or "", None)

    async def check(self) -> Sequence[Finding]:
        """See Target; tells whether the next install will be refused."""
        async with self._called("check"):
            refuses = any(s.trouble is Trouble.REFUSE and s.call in ("install", "any") for s in self._slot.scripts)
            detail = "The fake slot was told to refuse." if refuses else "The fake slot takes certificates."
            return (Finding(what="slot", works=not refuses, detail=detail),)

    def _way_back(self, wanted: str | None, known: Material | None) -> Leaf | None:
        if wanted is None or wanted == self._slot.served:
            return self._slot.held if wanted else None
        if known is not None and known.fingerprint_sha256 == wanted:
            return _leaf(known)
        if wanted not in self._slot.kept:
            raise TargetRefused(f"The fake slot kept nothing of {wanted[:16]}, so there is no way back to it.")
        return self._slot.kept[wanted]


class ExclusiveFakeTarget(FakeTarget):
    """Implements Exclusive, too."""

    @property
    def exclusive_key(self) -> str:
        """See Exclusive."""
        return self._slot.exclusive_key or ""


class FakeProver:
    """Implements Prover over the slots of FakeTargets; `looks` lists the endpoints that were asked."""

    def __init__(self, targets: FakeTargets) -> None:
        self.looks: list[Endpoint] = []
        self._targets = targets

    async def look(self, endpoint: Endpoint) -> Sequence[Look]:
        """See Prover; nobody answers at an endpoint of no registered target."""
        self.looks.append(endpoint)
        target_id, index = self._targets._places.get(str(endpoint), (None, 0))  # noqa: SLF001 - one fake
        if target_id is None:
            return (_unserved(endpoint, Sight.UNREACHABLE, None),)
        slot = self._targets._slots[target_id]  # noqa: SLF001 - one fake
        return tuple(_seen(endpoint, slot, index, address) for address in range(slot.addresses))


def _seen(endpoint: Endpoint, slot: _Slot, index: int, address: int) -> Look:
    script = slot.take_look(index, address)
    trouble, shown = script.trouble if script else None, f"192.0.2.{address + 1}"
    if trouble is Trouble.DENIED:
        return _unserved(endpoint, Sight.REFUSED, None)
    if trouble is Trouble.UNREACHABLE:
        return _unserved(endpoint, Sight.UNREACHABLE, shown)
    leaf = OTHER_LEAF if trouble is Trouble.OTHER else script.stale if script else slot.held
    if trouble is Trouble.HANG or leaf is None:
        return _unserved(endpoint, Sight.NO_CERTIFICATE, shown)
    return Look(endpoint=endpoint, sight=Sight.SERVED, address=shown, **asdict(leaf))


def _unserved(endpoint: Endpoint, sight: Sight, address: str | None) -> Look:
    detail = f"The fake {endpoint} is {sight.value.replace('_', ' ')}."
    return Look(endpoint=endpoint, sight=sight, address=address, detail=detail)


def _leaf(given: Leaf | Material | None) -> Leaf | None:
    if not isinstance(given, Material):
        return given
    end = x509.load_pem_x509_certificate(given.leaf_pem.encode()).not_valid_after_utc
    return Leaf(given.fingerprint_sha256, given.serial, given.names, end)


def _require_pair(material: Material) -> None:
    try:
        leaf = x509.load_pem_x509_certificate(material.leaf_pem.encode())
        key = load_pem_private_key(material.key_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise TargetRefused("The fake slot cannot read the certificate or its key.") from error
    if leaf.public_key() != key.public_key():
        raise TargetRefused("The fake slot finds that the key is not the certificate's.")


def _scripted(trouble: Trouble) -> Exception:
    if trouble is Trouble.REFUSE:
        return TargetRefused("The fake target was told to refuse.")
    return Outage("The fake target does not answer.", retry_after=1.0)
