"""The yardstick of deployments: what one asks of adapter and handshakes, with nothing decided, kept or told."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from activities.deployment import ROUNDS
from certloom import wiring
from certloom.domain.look import Look
from certloom.domain.target import BETWEEN_PROOFS, Target
from certloom.settings import Settings
from certloom.targets.allowed import AllowedTargets
from certloom.targets.interface import Exclusive, Material

AGAIN: Final = 0.1  # s, until a proof that failed is begun anew; the product's first pause, too


class BareLoop:
    """Looks, examines, installs, looks again as often as a proof does; changes of one place queue for each other."""

    def __init__(self, settings: Settings, allowed: AllowedTargets) -> None:
        self._targets = wiring.targets(settings, allowed)
        self._prover = wiring.prover(settings)
        self._queues: dict[str, asyncio.Lock] = {}

    async def deploy(self, target: Target, material: Material) -> None:
        """Install a pair and see it served."""
        await self._looks(target)
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(self._targets.open(target, None))
            key = opened.exclusive_key if isinstance(opened, Exclusive) else target.id
            await stack.enter_async_context(self._queues.setdefault(key, asyncio.Lock()))
            await opened.install(material, before=await opened.examine())
        while not await self._proven(target, material):
            await asyncio.sleep(AGAIN)

    async def _proven(self, target: Target, material: Material) -> bool:
        for count in range(ROUNDS):
            if count:
                await asyncio.sleep(BETWEEN_PROOFS[target.kind].total_seconds())
            if any(look.fingerprint_sha256 != material.fingerprint_sha256 for look in await self._looks(target)):
                return False
        return True

    async def _looks(self, target: Target) -> list[Look]:
        return [look for endpoint in target.endpoints for look in await self._prover.look(endpoint)]
