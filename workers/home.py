"""The folder of `make run`: claimed by one instance at a time, with its ports, key files, logs and dev.json.

Everything secret in it has mode 0600, the folder itself 0700.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from certloom.settings import BadSetting
from workers.ports import bind, candidates

LAB_KEY: Final = "certloom-lab"  # by which the lab's name server knows who may update it
LAB_PORTS: Final = ("lab_dns", "lab_http", "lab_control", "lab_edge_tls", "lab_edge_admin")
PORT_NAMES: Final = ("api", "temporal", "temporal_ui", *LAB_PORTS)


class _Place(NamedTuple):
    host: str
    udp: bool  # a name server needs both


class Home:
    """A claimed folder; use `claim`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "log"
        self.keys = folder / "keys"
        self.dev_json = folder / "dev.json"
        self.lab_key = self.keys / "lab-dns.key"
        self._ports = folder / "ports.json"
        self._children = folder / "children.json"

    def choose_ports(self, wanted: Mapping[str, int], *, host: str) -> dict[str, int]:
        """Return a port for each name: the wanted one, or for 0 the one of last time, or a free one kept for the next.

        Raises BadSetting when a wanted one is taken.
        """
        kept = read_json(self._ports)
        chosen: dict[str, int] = {}
        with contextlib.ExitStack() as held:  # held until all are chosen, so that none is chosen twice
            for name, port in wanted.items():
                place = _Place(host if name == "api" else "127.0.0.1", udp=name == "lab_dns")
                chosen[name] = _hold(held, name, place, port) if port else _pick(held, place, kept.get(name, 0))
        write_private(self._ports, json.dumps({name: chosen[name] for name, port in wanted.items() if not port}))
        return chosen

    def keep_lab_key(self) -> str:
        """Return name and secret of the TSIG key that updates the lab's name server; made at the first start."""
        if not self.lab_key.exists():
            self.lab_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.lab_key, f"{LAB_KEY} {base64.b64encode(secrets.token_bytes(32)).decode('ascii')}\n")
        return self.lab_key.read_text(encoding="ascii").strip()

    def remember(self, children: Mapping[str, int]) -> None:
        """Keep the process ids of this start, so that the next one can end what a hard kill left behind."""
        born = _born(children.values())
        known = {name: {"pid": pid, "born": born.get(pid, "")} for name, pid in children.items()}
        write_private(self._children, json.dumps(known))

    def end_leftovers(self) -> list[str]:
        """End processes of an instance that was killed, and return their names; the lock says it is gone.

        On Linux the kernel has done it already (child.py); a process id that another program has now is left alone.
        """
        ended: list[str] = []
        children = read_json(self._children)
        born = _born(known["pid"] for known in children.values())
        for name, known in children.items():
            if known["born"] and known["born"] == born.get(known["pid"]):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(known["pid"], signal.SIGKILL)
                    ended.append(name)
        self._children.unlink(missing_ok=True)
        return ended


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[Home]:
    """Claim the folder, made if need be, until the block ends or the process dies.

    Raises BadSetting with one sentence when it cannot be written or another instance has it.
    """
    home = Home(folder)
    try:
        for part in (home.folder, home.logs, home.keys):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadSetting(f"{folder} cannot be written: {error.strerror}. Set CERTLOOM_HOME to another.") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSetting(
                f"Certloom runs already on {folder}, as process {_read_pid(lock)}: stop that one, or set CERTLOOM_HOME."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield home
    finally:
        os.close(lock)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing."""
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of ours holds; nothing when it is missing or broken, for all of it can be made anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hold(held: contextlib.ExitStack, name: str, place: _Place, port: int) -> int:
    try:
        return bind(held, place.host, port, udp=place.udp)
    except OSError as error:
        setting = f"CERTLOOM_{name.upper()}_PORT"
        raise BadSetting(
            f"Port {port} cannot be used ({error.strerror}): set {setting} to another, or to 0 for a free one."
        ) from error


def _pick(held: contextlib.ExitStack, place: _Place, kept: int) -> int:
    for port in (*((kept,) if kept else ()), *candidates()):
        with contextlib.suppress(OSError), contextlib.ExitStack() as tried:
            found = bind(tried, place.host, port, udp=place.udp)
            held.enter_context(tried.pop_all())
            return found
    raise BadSetting(f"No port of {place.host} can be used.")


def _born(pids: Iterable[int]) -> dict[int, str]:
    """When each process was started, as the system tells it; without those that are gone or that nobody can tell."""
    asked = ",".join(str(int(pid)) for pid in pids)
    if not asked:
        return {}
    command = ("ps", "-o", "pid=,lstart=", "-p", asked)
    try:
        told = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - numbers only
    except OSError:
        return {}
    lines = (line.split(maxsplit=1) for line in told.stdout.splitlines())
    return {int(pid): moment for pid, moment in lines}


def _read_pid(lock: int) -> str:
    return os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
