"""The made-up world on loopback: DNS, web server and remote control to publish proofs, and a TLS edge to deploy to.

python -m lab.world --dns-port 5301 --http-port 5302 --control-port 5303 --edge-tls-port 5304 --state lab.json
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from certloom.domain.application import Challenge
from lab.control import lab_control
from lab.dns import LabDns
from lab.edge import LabEdge
from lab.proofs import ProofBoard
from lab.updates import UpdateKey, read_update_key
from lab.web import Site, lab_web
from lab.zone import Zone


class LabWorld:
    """Everything of the lab; an async context manager. Ports of 0 are free ones, known after the start."""

    def __init__(
        self,
        *,
        dns_port: int = 0,
        http_port: int = 0,
        control_port: int = 0,
        edge_tls_port: int = 0,
        edge_admin_port: int = 0,
        suffix: str = "lab.test",
        state: Path | None = None,
        update_key: UpdateKey | None = None,
    ) -> None:
        self.zone = Zone(suffix=suffix)
        self.site = Site()
        self.board = ProofBoard(self.zone, self.site, state=state)
        self.dns = LabDns(self.zone, update_key=update_key)
        self.web = lab_web(self.site)
        self.control = lab_control(self.board)
        self.edge = LabEdge(tls_ports=(edge_tls_port,), admin_port=edge_admin_port)
        self._ports = (dns_port, http_port, control_port)

    @property
    def dns_server(self) -> str:
        """What to put into CERTLOOM_DNS_SERVERS."""
        return f"127.0.0.1:{self.dns.port}"

    @property
    def http_port(self) -> int:
        """What to put into CERTLOOM_HTTP01_PORT."""
        return self.web.port

    @property
    def control_url(self) -> str:
        """Where proofs are posted to."""
        return f"http://127.0.0.1:{self.control.port}/proofs"

    async def start(self) -> None:
        """Publish what the state file holds and listen. Raises OSError when a port is taken; nothing is left open."""
        self.board.load()
        dns_port, http_port, control_port = self._ports
        try:
            await self.dns.start(dns_port)
            await self.web.start(http_port)
            await self.edge.start()
            await self.control.start(control_port)  # last: whoever waits for the lab looks whether this one listens
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything; may be called twice."""
        await self.control.stop()
        await self.edge.stop()
        await self.web.stop()
        await self.dns.stop()

    def publish(self, challenge: Challenge) -> None:
        """See ProofBoard."""
        self.board.publish(challenge)

    def retract(self, challenge: Challenge) -> None:
        """See ProofBoard."""
        self.board.retract(challenge)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a bad one ends the process with a usage line."""
    parser = argparse.ArgumentParser(prog="python -m lab.world", description="A made-up network on loopback.")
    parser.add_argument("--dns-port", type=int, default=0, help="UDP and TCP; 0 picks a free one")
    parser.add_argument("--http-port", type=int, default=0, help="where every lab name's web server listens")
    parser.add_argument("--control-port", type=int, default=0, help="where proofs are posted to")
    parser.add_argument("--edge-tls-port", type=int, default=0, help="where the edge serves what is deployed to it")
    parser.add_argument("--edge-admin-port", type=int, default=0, help="the edge's runtime API, as HAProxy has it")
    parser.add_argument("--suffix", default="lab.test", help="names under it resolve to 127.0.0.1")
    parser.add_argument("--state", type=Path, default=None, help="a file that keeps the proofs over a restart")
    parser.add_argument("--update-key", type=Path, default=None, help="file with name and secret of a TSIG key")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def serve(options: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT, and say where everything is once it answers."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    world = LabWorld(
        dns_port=options.dns_port,
        http_port=options.http_port,
        control_port=options.control_port,
        edge_tls_port=options.edge_tls_port,
        edge_admin_port=options.edge_admin_port,
        suffix=options.suffix,
        state=options.state,
        update_key=read_update_key(options.update_key) if options.update_key else None,
    )
    async with world:
        _say(f"lab dns {world.dns_server}")
        _say(f"lab http 127.0.0.1:{world.http_port}")
        _say(f"lab control {world.control_url}")
        _say(f"lab edge 127.0.0.1:{world.edge.tls_port}")
        _say(f"lab edge_admin 127.0.0.1:{world.edge.admin_port}")
        _say("lab ready")
        await stopped.wait()
    _say("lab stopped")


if __name__ == "__main__":
    asyncio.run(serve(read_arguments()))
