"""The targets file: what the targets worker of one machine may touch. Nothing that arrives over HTTP can widen it.

Written by whoever runs that machine; sockets and commands come from here alone, paths must lie in its folders.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from certloom.domain.model import Model
from certloom.domain.target import Word, WorkerHost
from certloom.targets.interface import TargetRefused


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("write an absolute path without ..")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class HaproxyInstance(Model):
    """One HAProxy process: its admin socket, the folders of its PEM files, and its crt-lists."""

    socket: AbsolutePath
    folders: tuple[AbsolutePath, ...]
    crt_lists: tuple[AbsolutePath, ...] = ()
    largest: Annotated[int, Field(ge=2_000, le=1_000_000)] = 16_000  # bytes of a PEM; tune.bufsize is 16,384


class NginxInstance(Model):
    """One nginx: the folders in which slots may lie, and the command that tests and reloads it."""

    folders: tuple[AbsolutePath, ...]
    command: tuple[Annotated[str, Field(min_length=1)], ...] = ("/usr/sbin/nginx",)


class AllowedTargets(Model):
    """A whole targets file. `keep` is a folder of ours, mode 0700, for copies that a way back needs."""

    host: WorkerHost
    keep: AbsolutePath
    haproxy: Mapping[Word, HaproxyInstance] = {}
    nginx: Mapping[Word, NginxInstance] = {}

    def haproxy_instance(self, host: str, name: str) -> HaproxyInstance:
        """Return it; raises TargetRefused when this machine has no such instance."""
        self._require_host(host)
        if name not in self.haproxy:
            raise TargetRefused(f"The targets file of {self.host} has no section [haproxy.{name}].")
        return self.haproxy[name]

    def nginx_instance(self, host: str, name: str) -> NginxInstance:
        """Return it; raises TargetRefused when this machine has no such instance."""
        self._require_host(host)
        if name not in self.nginx:
            raise TargetRefused(f"The targets file of {self.host} has no section [nginx.{name}].")
        return self.nginx[name]

    def _require_host(self, host: str) -> None:
        if host != self.host:
            raise TargetRefused(f"This worker serves the targets of {self.host}, not of {host}.")


def read_allowed(path: Path) -> AllowedTargets:
    """Read a targets file; raises TargetRefused with a sentence that names what is wrong in it."""
    try:
        return AllowedTargets.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise TargetRefused(f"The targets file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise TargetRefused(f"The targets file {path} is not TOML: {error}.") from error
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise TargetRefused(f"The targets file {path} is not right: {places}.") from error


def require_inside(path: Path, folders: tuple[Path, ...], *, what: str) -> Path:
    """Return the path with its folder resolved; raises TargetRefused unless it lies inside one of *folders*.

    The last part itself may be a link, which writers replace and never follow.
    """
    real = path.parent.resolve() / path.name
    if path.name != ".." and any(
        real.is_relative_to(folder.resolve()) and real != folder.resolve() for folder in folders
    ):
        return real
    raise TargetRefused(f"{what} {path} lies outside the folders that the targets file of this machine allows.")
