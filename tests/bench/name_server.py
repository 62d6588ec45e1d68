"""Where the proofs of the bench's orders go: BIND as it is in service, and the lab's own server where there is none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.dns.bind import NAMED, SECRET, make_bind, running
from workers.home import PORT_NAMES, claim
from workers.service import LAB_SUFFIX

KEY_NAME: Final = "proofs"
_HOST: Final = "127.0.0.1"
# The second zone answers for what is above the first: CAA is climbed to the top label.
_ZONES: Final = {LAB_SUFFIX: f"@ NS ns1\nns1 A {_HOST}\n", "test": f"@ NS ns1\nns1 A {_HOST}\n"}


class NameServer(NamedTuple):
    """An address with its port, name and secret of the key that updates it, and its process unless it is the lab's."""

    address: str
    key: str
    pid: int | None = None

    @property
    def settings(self) -> dict[str, object]:
        """Return what tells the service to ask it."""
        port = int(self.address.rpartition(":")[2])
        return {"dns_servers": self.address, "authority_port": port} if self.pid else {}


@asynccontextmanager
async def name_server(folder: Path) -> AsyncIterator[NameServer]:
    """Run BIND beside the folder's service, or say where the lab's will be."""
    if NAMED is None:
        with claim(folder) as home:  # which the service claims again later
            ports = home.choose_ports(dict.fromkeys(PORT_NAMES, 0), host=_HOST)
            lab = NameServer(f"{_HOST}:{ports['lab_dns']}", home.keep_lab_key())
        yield lab
        return
    bind = make_bind(folder / "bind", _ZONES)
    async with running(bind):
        pid = bind.process.pid if bind.process else None
        yield NameServer(f"{_HOST}:{bind.port}", f"{KEY_NAME} {SECRET}", pid)
