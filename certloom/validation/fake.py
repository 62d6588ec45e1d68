"""A validator that finds what a test scripted; ships beside the real one and passes the same contract suite."""

from collections import Counter
from collections.abc import Sequence

from certloom.domain.address import is_address
from certloom.domain.application import Challenge
from certloom.domain.errors import Outage
from certloom.validation.interface import CaaVerdict, Look


class FakeValidator:
    """Implements Validator in memory. A name that nothing was scripted for is not proven, and CAA permits it."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()
        self.caa_checks: Counter[tuple[str, str]] = Counter()
        self.identities: tuple[str, ...] = ()  # of the last check of CAA
        self._published: set[Challenge] = set()
        self._proven: set[str] = set()
        self._seen: dict[str, tuple[str | None, str]] = {}
        self._forbidden: dict[str, str] = {}
        self._caa_down = False

    def publish(self, challenge: Challenge) -> None:
        """Let every later look at exactly this challenge find it."""
        self._published.add(challenge)

    def retract(self, challenge: Challenge) -> None:
        """Undo `publish`; may be called for what was never published."""
        self._published.discard(challenge)

    def prove(self, name: str) -> None:
        """Let every later look at this name succeed, whatever its challenge."""
        self._proven.add(name)

    def show(self, name: str, *, seen: str | None, error: str) -> None:
        """Let looks at this name, while it is not proven, see and say this."""
        self._seen[name] = (seen, error)

    def forbid(self, name: str, detail: str) -> None:
        """Let CAA forbid this name, as typed, with the star if there is one."""
        self._forbidden[name] = detail

    def permit(self, name: str) -> None:
        """Undo `forbid`."""
        self._forbidden.pop(name, None)

    def break_caa(self, *, broken: bool = True) -> None:
        """Let CAA checks raise Outage until this is called with False."""
        self._caa_down = broken

    async def look(self, challenge: Challenge) -> Look:
        """See Validator."""
        self.looks[challenge.name] += 1
        if challenge in self._published or challenge.name in self._proven:
            found = challenge.record_value or challenge.content
            return Look(name=challenge.name, type=challenge.type, proven=True, seen=f'"{found}"')
        seen, error = self._seen.get(challenge.name, ("no proof", "No proof was published yet."))
        return Look(name=challenge.name, type=challenge.type, proven=False, seen=seen, error=error)

    async def check_caa(
        self,
        names: Sequence[str],
        *,
        method: str,
        identities: Sequence[str],
        account: str | None = None,  # noqa: ARG002 - the seam's
    ) -> Sequence[CaaVerdict]:
        """See Validator; `caa_checks` counts pairs of name and method."""
        self.caa_checks.update((name, method) for name in names)
        self.identities = tuple(identities)
        if self._caa_down and not all(map(is_address, names)):
            raise Outage("The scripted name servers do not answer CAA questions.")
        return [
            CaaVerdict(name=name, permitted=name not in self._forbidden, detail=self._forbidden.get(name))
            for name in names
        ]
