"""One HAProxy slot in the memory of its process: what it holds, and how it comes to hold something else.

The process has one transaction for all certificates, and a second `set` goes into the first one's: so a transaction is
begun on nothing, and looked at before it is committed.
"""

import contextlib
from typing import Final

from certloom.domain.errors import CertloomError, Outage
from certloom.targets.haproxy_api import Held, RuntimeApi, Status, speakable
from certloom.targets.interface import TargetRefused
from certloom.targets.pem import Leaf

_OURS_TO_REMOVE: Final = {Status.UNKNOWN, Status.EMPTY}


class SlotMemory:
    """A path of one process and the crt-list that binds it, if any; raises what RuntimeApi raises."""

    def __init__(self, api: RuntimeApi, path: str, crt_list: str | None) -> None:
        self.api = api
        self.path = speakable(path)
        self.crt_list = speakable(crt_list) if crt_list else None

    async def held(self) -> Held:
        """Return what is under the path."""
        return await self.api.show(self.path)

    async def bound(self) -> str:
        """Tell whether the crt-list has the path: yes, no, no_such_list, or an empty string without a list."""
        if self.crt_list is None:
            return ""
        lines = await self.api.lines(self.crt_list, self.path)
        return "no_such_list" if lines is None else "yes" if lines else "no"

    async def put(self, pem: str, leaf: Leaf) -> None:
        """Make the process serve the pair; what was made on the way to a refusal is taken away again."""
        held, bound = await self.held(), await self.bound()
        self._require_place(held, bound)
        try:
            if held.sha1 != leaf.sha1:
                await self._transact(pem, leaf, is_new=held.status is Status.UNKNOWN)
            if self.crt_list and bound == "no":
                await self.api.bind(self.crt_list, self.path)
        except TargetRefused:
            if held.status in _OURS_TO_REMOVE:
                await self.take_away(leaf)
            raise
        if (await self.held()).sha1 != leaf.sha1:
            raise Outage(f"Somebody else changed {self.path} at {self.api.where} at the same moment.")

    async def take_away(self, installed: Leaf) -> None:
        """Make the process forget the path, unless it holds somebody else's certificate; twice is fine."""
        await self.api.abort(self.path)
        held = await self.held()
        if held.status is Status.UNKNOWN or held.sha1 not in {"", installed.sha1}:
            return
        await self.unbind()
        await self.api.delete(self.path)

    async def unbind(self) -> None:
        """Take every entry for the path out of the crt-list; none is no error."""
        if self.crt_list:
            await self.api.unbind(self.crt_list, self.path)

    def _require_place(self, held: Held, bound: str) -> None:
        if bound == "no_such_list":
            raise TargetRefused(f"HAProxy has loaded no crt-list {self.crt_list}: name it in its configuration first.")
        if held.status is not Status.USED and not bound:
            raise TargetRefused(
                f"HAProxy serves nothing from {self.path}: name the file in its configuration, "
                "or give this target a crt_list."
            )

    async def _transact(self, pem: str, leaf: Leaf, *, is_new: bool) -> None:
        await self.api.abort(self.path)
        if is_new:
            await self.api.create(self.path)
        try:
            await self.api.offer(self.path, pem)
            if (await self.api.show(self.path, pending=True)).sha1 != leaf.sha1:
                raise Outage(f"Somebody else changes certificates at {self.api.where} at this moment.")
            await self.api.commit(self.path)
        except CertloomError:
            with contextlib.suppress(CertloomError):
                await self.api.abort(self.path)
            raise
