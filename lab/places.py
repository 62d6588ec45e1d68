"""The servers of the demo: HAProxy and nginx where they are installed, else edges of the lab, and one edge to break.

They run in a thread of their own, so that the demo can tell its story meanwhile.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.background import Background
from lab.edge import CRT_LIST, EdgeTrouble, LabEdge
from lab.haproxy import LabHaproxy
from lab.nginx import LabNginx
from lab.program import find_program, version_of
from lab.self_signed import self_signed

PROGRAMS: Final = ("haproxy", "nginx")
WORKER_HOST: Final = "demo"  # what the targets file calls this machine
PROVE_WITHIN: Final = 3  # seconds that an edge gets; a broken one is given up after them
_BROKEN: Final = 1  # the listener of the edge that `break_edge` is about


@dataclass(frozen=True)
class Place:
    """One slot of a server: its name in the story, where clients meet it, and how the service is told of it."""

    title: str
    ports: Sequence[int]
    kind: str
    settings: Mapping[str, Any]
    on_host: bool = False  # a kind that only operators add
    prove_within: int | None = None

    def form(self, name: str, account_id: str) -> dict[str, Any]:
        """Return the body of POST /v1/targets for an account."""
        return {
            "name": self.title,
            "kind": self.kind,
            "settings": self.settings,
            "endpoints": [{"host": name, "port": port} for port in self.ports],
            "prove_within": self.prove_within,
            "account_id": account_id,
        }


class Places:
    """Servers for one name, each holding a self-signed certificate for it; start once, stop as often as one likes.

    Without *programs* to look for, every place is an edge of the lab.
    """

    def __init__(self, folder: Path, name: str, *, programs: Sequence[str] = PROGRAMS) -> None:
        self.name = name
        self.all: Sequence[Place] = ()
        self.targets_file: Path | None = None
        self._folder = folder
        self._programs = {program: find_program(program) for program in programs}
        self._held = self_signed(name).pem
        self._sections: list[str] = []
        self._running = contextlib.AsyncExitStack()
        self._edge = LabEdge(tls_ports=(0, 0))
        self._background = Background()

    @property
    def edge(self) -> Place:
        """The one that can be broken: an edge with two listeners."""
        return self.all[-1]

    def start(self) -> None:
        """Return when all listen; raises ChildDied or OSError. Then `targets_file` is written, if one is needed."""
        self._background.start()
        self.all = self._background.do(self._start())
        if self._sections:
            self.targets_file = self._folder / "targets.toml"
            head = f'host = "{WORKER_HOST}"\nkeep = "{self._folder / "keep"}"\n'
            self.targets_file.write_text("\n".join((head, *self._sections)), encoding="utf-8")

    def break_edge(self) -> None:
        """Have the edge's second listener serve for ever what it serves now."""
        self._background.do(self._trouble(EdgeTrouble.KEEPS_OLD))

    def mend_edge(self) -> None:
        """Have it serve what it is told again."""
        self._background.do(self._trouble(None))

    def shut(self) -> None:
        """Close all servers, as a shop that is over does."""
        self._background.do(self._running.aclose())

    def stop(self) -> None:
        """Close everything; may be called at any moment, and twice."""
        if self._background.runs:
            self.shut()
            self._background.stop()

    async def _trouble(self, trouble: EdgeTrouble | None) -> None:
        self._edge.trouble(trouble, listener=_BROKEN)

    async def _start(self) -> Sequence[Place]:
        haproxy = await self._haproxy(found) if (found := self._programs.get("haproxy")) else None
        nginx = await self._nginx(found) if (found := self._programs.get("nginx")) else None
        return (
            haproxy or await self._edge_place("HAProxy's stand-in", LabEdge()),
            nginx or await self._edge_place("nginx's stand-in", LabEdge()),
            await self._edge_place("the lab's edge", self._edge),
        )

    async def _haproxy(self, program: Path) -> Place:
        folder = self._folder / "haproxy"
        place = LabHaproxy(program, folder, name=self.name, held=self._held)
        await self._running.enter_async_context(place)
        folders = f'folders = ["{place.certs}"]\ncrt_lists = ["{place.crt_list}"]\n'
        self._sections.append(f'[haproxy.main]\nsocket = "{place.socket}"\n{folders}')
        settings = {"host": WORKER_HOST, "file": str(place.file), "crt_list": str(place.crt_list)}
        title = f"HAProxy {await version_of(program)}".strip()
        return Place(title, (place.port,), "haproxy", settings, on_host=True)

    async def _nginx(self, program: Path) -> Place:
        folder = self._folder / "nginx"
        place = LabNginx(program, folder, name=self.name, held=self._held)
        await self._running.enter_async_context(place)
        words = ", ".join(f'"{word}"' for word in place.command)
        self._sections.append(f'[nginx.main]\nfolders = ["{place.slots}"]\ncommand = [{words}]\n')
        settings = {"host": WORKER_HOST, "folder": str(place.slot)}
        return Place(f"nginx {await version_of(program)}".strip(), (place.port,), "nginx", settings, on_host=True)

    async def _edge_place(self, title: str, edge: LabEdge) -> Place:
        file = f"/certs/{self.name}.pem"
        edge.load(file, self._held, listed=True)
        await self._running.enter_async_context(edge)
        settings = {
            "address": "127.0.0.1",
            "port": edge.admin_port,
            "file": file,
            "crt_list": CRT_LIST,
            "replace_unknown_with_no_way_back": True,
        }
        return Place(title, edge.tls_ports, "haproxy_tcp", settings, prove_within=PROVE_WITHIN)
