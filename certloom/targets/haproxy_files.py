"""One HAProxy slot on disk, so that a restart keeps what was changed in memory: its PEM file, its line, a copy kept.

New content is written beside the file under a name that begins with a dot, which HAProxy skips in a `crt <folder>`.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from certloom.domain.errors import Outage
from certloom.targets.interface import TargetRefused
from certloom.targets.pem import Leaf, read_leaf

NOTHING: Final = "none"
UNREADABLE: Final = "unreadable"
"""What `fact` says in place of a fingerprint."""

P = ParamSpec("P")
R = TypeVar("R")

LARGEST_FILE: Final = 1_000_000
_LASTING: Final = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EXDEV,
}


@dataclass(frozen=True, slots=True)
class SlotFiles:
    """The files of one slot. All raise TargetRefused for what lasts until somebody mends it, else Outage.

    `named` is the path as HAProxy knows it, `file` the same with links in its folders resolved. Blocking: call them
    with `to_the_end`.
    """

    named: str
    file: Path
    crt_list: Path | None
    keep: Path

    def data(self) -> bytes | None:
        """Return what the file holds, through a link when it is one; None when there is none."""
        return _read(self.file)

    def leaf(self) -> Leaf | None:
        """Return the first certificate of the file; None when there is no file, or nothing to read in it."""
        data = self.data()
        return None if data is None else read_leaf(data)

    def fact(self) -> str:
        """Return the SHA-256 fingerprint of that certificate, or `none` without a file, or `unreadable`."""
        data = self.data()
        leaf = None if data is None else read_leaf(data)
        return NOTHING if data is None else leaf.sha256 if leaf else UNREADABLE

    def has(self, leaf: Leaf) -> bool:
        """Tell whether a restart would serve this certificate."""
        return self.fact() == leaf.sha256 and self.listed()

    def listed(self) -> bool:
        """Tell whether a restart would bind the file: its line is there, or the list is a folder, or there is none."""
        return self.crt_list is None or self.crt_list.is_dir() or self.named in map(_path_of, self._lines())

    def stage(self, pem: str) -> None:
        """Write the new content beside the file, flushed; nothing reads it until `settle`."""
        with _words_for(self.file):
            _write(_beside(self.file), pem.encode(), like=self.file)

    def settle(self) -> None:
        """Put the staged content in place in one step, and the line into the crt-list after it."""
        with _words_for(self.file):
            _replace(self.file)
        if self.crt_list and not self.listed():
            self._rewrite([*self._lines(), self.named])

    def restore(self, data: bytes) -> None:
        """Make the file hold exactly this again."""
        with _words_for(self.file):
            _write(_beside(self.file), data, like=self.file)
            _replace(self.file)

    def unlist(self) -> None:
        """Take every line that names the file out of the crt-list; a folder as a list has none."""
        if self.crt_list and not self.crt_list.is_dir():
            kept = [line for line in self._lines() if _path_of(line) != self.named]
            if len(kept) != len(self._lines()):
                self._rewrite(kept)

    def remove(self) -> None:
        """Remove the file; one that is gone is no error. Call `unlist` before, or HAProxy will not start again."""
        with _words_for(self.file):
            self.file.unlink(missing_ok=True)
            _flush_folder(self.file.parent)

    def clear(self) -> None:
        """Remove what was staged and never settled."""
        with _words_for(self.file):
            _beside(self.file).unlink(missing_ok=True)

    def copy(self, fingerprint: str) -> None:
        """Keep a copy of the file, which holds the leaf of this fingerprint; again is fine."""
        with _words_for(self.keep):
            self.keep.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(self.keep.stat().st_mode) & 0o077:
                raise TargetRefused(f"The folder {self.keep} is for private keys; `chmod 700` it first.")
            kept, data = self._kept(fingerprint), self.data()
            if data is not None and _read(kept) != data:
                _write(_beside(kept), data)
                _replace(kept)

    def kept(self, fingerprint: str) -> bytes | None:
        """Return the copy, None when there is none."""
        return _read(self._kept(fingerprint))

    def drop(self, fingerprint: str) -> None:
        """Remove the copy; one that is gone is no error."""
        with _words_for(self.keep):
            self._kept(fingerprint).unlink(missing_ok=True)

    def unusable(self) -> str | None:
        """Return a sentence about why writing would fail, None when it would not; tells rights, changes nothing."""
        folders = [self.file.parent, *([self.crt_list.parent] if self.crt_list else [])]
        for folder in folders:
            if not folder.is_dir():
                return f"There is no folder {folder}."
            if not os.access(folder, os.W_OK | os.X_OK):
                return f"This worker may not write into {folder}."
        if self.crt_list and not self.crt_list.exists():
            return f"There is no crt-list {self.crt_list}."
        return None

    def _kept(self, fingerprint: str) -> Path:
        slot = hashlib.sha256(str(self.file).encode()).hexdigest()[:16]
        return self.keep / f"haproxy-{slot}-{fingerprint}.pem"

    def _lines(self) -> list[str]:
        data = None if self.crt_list is None else _read(self.crt_list)
        return [] if data is None else data.decode("utf-8", errors="surrogateescape").splitlines()

    def _rewrite(self, lines: list[str]) -> None:
        if self.crt_list is not None:
            text = "".join(f"{line}\n" for line in lines)
            with _words_for(self.crt_list):
                _write(_beside(self.crt_list), text.encode("utf-8", errors="surrogateescape"), like=self.crt_list)
                _replace(self.crt_list)


def _path_of(line: str) -> str:
    return next(iter(line.split(maxsplit=1)), "")


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.new")


def _read(path: Path) -> bytes | None:
    """Read a regular file of bounded size; a pipe would hang us."""
    with _words_for(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
                raise TargetRefused(f"{path} is no ordinary file of at most {LARGEST_FILE:,} bytes.")
            return file.read()


def _write(path: Path, data: bytes, *, like: Path | None = None) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if like is not None:
            _take_after(descriptor, like)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _take_after(descriptor: int, like: Path) -> None:
    """Give the new file the owner and mode of the old one; rights of a group that we cannot give are left out."""
    try:
        old = like.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(old.st_mode) & 0o666
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except PermissionError:
        try:
            os.fchown(descriptor, -1, old.st_gid)
        except PermissionError:
            mode &= ~0o060
    os.fchmod(descriptor, mode)


def _replace(target: Path) -> None:
    _beside(target).replace(target)
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _words_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        sentence = f"{path} cannot be used: {error.strerror or type(error).__name__}."
        if error.errno in _LASTING:
            raise TargetRefused(sentence) from error
        raise Outage(sentence) from error
