"""One exchange at a time with one ACME CA: guarded, signed, bounded in time, off the event loop.

Whoever calls decides what comes next, and can be killed between any two exchanges.
"""

import asyncio
import importlib.metadata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import requests

from certloom.domain.errors import Outage, Refusal
from certloom.issuers.acme_config import AcmeConfig
from certloom.issuers.acme_network import AcmeNetwork, Payload, Signer
from certloom.issuers.acme_problems import refusal_of
from certloom.issuers.acme_replies import Directory, Reply
from certloom.issuers.acme_transport import Exchange, Transport
from certloom.net.interface import Dialer

EXCHANGE_SECONDS: Final = 10.0
AT_ONCE: Final = 8  # exchanges with one CA in one process
DIRECTORY_KEPT: Final = timedelta(minutes=10)
ADDRESSES_KEPT: Final = timedelta(minutes=1)


def user_agent() -> str:
    """Return who we are for the CA (RFC 8555 section 6.1); a checkout that is not installed has no version."""
    try:
        own = importlib.metadata.version("certloom")
    except importlib.metadata.PackageNotFoundError:
        own = "dev"
    return f"Certloom/{own} acme-python/{importlib.metadata.version('acme')}"


class AcmeClient:
    """Talks to the CA of one configuration. Raises Outage, Later, and ProblemRefused for a problem document."""

    def __init__(self, config: AcmeConfig, dialer: Dialer) -> None:
        own = urlsplit(config.directory)
        origins = (f"{own.hostname}:{own.port or 443}", *config.further_hosts)
        agent = user_agent()
        self._config = config
        self._dialer = dialer
        self.transport = Transport(origins, trusted_root_file=config.trusted_root_file, user_agent=agent)
        self.network = AcmeNetwork(self.transport, user_agent=agent)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"acme-{config.name}")
        self._directory: tuple[datetime, Directory] | None = None
        self._judged: dict[str, datetime] = {}

    async def directory(self, *, now: datetime) -> Directory:
        """Return the CA's directory, asked for every few minutes."""
        kept = self._directory
        if kept and kept[0] <= now < kept[0] + DIRECTORY_KEPT:
            return kept[1]
        reply = await self.get(self._config.directory, now=now)
        if not reply.ok:
            refusal = refusal_of(reply, now=now)
            if isinstance(refusal, Outage):
                raise refusal
            raise Outage(f"The CA's directory {self._config.directory} answered {reply.status}.")
        read = reply.read(Directory)
        self._directory = (now, read)
        return read

    async def get(self, url: str, *, now: datetime) -> Reply:
        """Fetch without a signature, and return any answer."""
        return await self._exchange(url, lambda: self.network.get(url), now)

    async def post(
        self,
        url: str,
        payload: Payload,
        signer: Signer,
        *,
        now: datetime,
        accept: str = "",
        names: tuple[str, ...] = (),
    ) -> Reply:
        """Send a signed request and return the answer; one that is not ok is raised, with *names* in its words."""
        new_nonce = (await self.directory(now=now)).new_nonce
        await self._judge(self.transport.host_of(new_nonce), now)
        reply = await self._exchange(
            url, lambda: self.network.post(url, payload, signer=signer, new_nonce=new_nonce, accept=accept), now
        )
        if not reply.ok:
            raise refusal_of(reply, now=now, names=names)
        return reply

    async def _exchange(self, url: str, send: Callable[[], requests.Response], now: datetime) -> Reply:
        await self._judge(self.transport.host_of(url), now)
        exchange = Exchange()

        def run() -> Reply:
            with exchange:
                return Reply.of(send())

        try:
            async with asyncio.timeout(EXCHANGE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except TimeoutError:
            raise Outage(f"The CA gave no complete answer within {EXCHANGE_SECONDS:g} s.") from None
        finally:
            exchange.end()

    async def _judge(self, host: str, now: datetime) -> None:
        """Look the host up and pin it to addresses that the guard permits; again every minute."""
        judged = self._judged.get(host)
        if judged and judged <= now < judged + ADDRESSES_KEPT:
            return
        try:
            self.transport.pins.set(host, await self._dialer.resolve(host))
        except Refusal as refusal:
            raise Outage(f"The CA's host {host} cannot be used: {refusal.detail}") from refusal
        self._judged[host] = now

    def close(self) -> None:
        """Close connections and threads."""
        self.network.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
