"""One certificate of one HAProxy, changed in its memory through the runtime API, and on disk where the disk is ours.

The new file is written aside, then memory changes in one transaction, then the file takes its place: killed at any
moment, the same call ends in the same state.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from certloom.domain.errors import CertloomError, InvalidInput, Outage
from certloom.domain.target import HaproxySettings, HaproxyTcpSettings
from certloom.net.interface import Dialer
from certloom.targets.allowed import AllowedTargets, require_inside
from certloom.targets.haproxy_api import RuntimeApi, Status
from certloom.targets.haproxy_check import findings
from certloom.targets.haproxy_files import NOTHING, UNREADABLE, SlotFiles
from certloom.targets.haproxy_memory import SlotMemory
from certloom.targets.interface import Finding, Material, Standing, TargetRefused
from certloom.targets.pem import Leaf, one_file, one_file_of, read_leaf
from certloom.targets.threads import to_the_end

DEADLINE: Final = 18.0
"""Seconds for a whole call."""

LARGEST: Final = 16_000
"""Bytes of a PEM where no targets file says otherwise: HAProxy's tune.bufsize is 16,384 unless set."""


class HaproxyTarget:
    """Implements Target and Exclusive. Without `files` only the memory of the process changes."""

    def __init__(
        self,
        memory: SlotMemory,
        *,
        exclusive_key: str,
        files: SlotFiles | None = None,
        largest: int = LARGEST,
        replace_unknown: bool = False,
        deadline: float = DEADLINE,
    ) -> None:
        self._memory = memory
        self._key = exclusive_key
        self._files = files
        self._largest = largest
        self._replace_unknown = replace_unknown
        self._deadline = deadline

    @property
    def exclusive_key(self) -> str:
        """Names the process: it has one transaction for all its certificates."""
        return self._key

    async def examine(self) -> Standing:
        """See Target. `facts` tell what memory and disk hold, which may differ; then no fingerprint is told."""
        async with self._bounded():
            held, bound = await self._memory.held(), await self._memory.bound()
            facts = {"status": held.status.value, "sha1": held.sha1, "serial": held.serial, "in_crt_list": bound}
            leaf = None
            if self._files:
                leaf = await to_the_end(self._files.leaf)
                facts["file"] = await to_the_end(self._files.fact)
                facts["in_list_file"] = "yes" if await to_the_end(self._files.listed) else "no"
            is_same = leaf is not None and leaf.sha1 == held.sha1
            fingerprint = leaf.sha256 if leaf and is_same else None
            return Standing(fingerprint_sha256=fingerprint, serial=held.serial or None, facts=facts)

    async def install(self, material: Material, *, before: Standing) -> None:
        """See Target. Raises TargetRefused for a pair larger than the process takes in one command."""
        async with self._bounded():
            pem, leaf = one_file(material), _leaf_of(material)
            self._require_size(pem, "Certificate, chain and key are")
            held = await self._memory.held()
            in_memory = (held.status, held.sha1) == (Status.USED, leaf.sha1) and await self._memory.bound() != "no"
            if in_memory and (self._files is None or await to_the_end(self._files.has, leaf)):
                return
            if held.sha1 != leaf.sha1:
                await to_the_end(self._require_way_back, before)
            if self._files:
                await to_the_end(self._stage, self._files, pem, leaf, before)
            if not in_memory:
                await self._put(pem, leaf)
            if self._files:
                await to_the_end(self._files.settle)

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:
        """See Target. The disk comes first, so that a process that does not start any more can be started again.

        What is neither *installed* nor was there before is not removed.
        """
        async with self._bounded():
            leaf, pem = _leaf_of(installed), await to_the_end(self._pem_before, before, known)
            if self._files:
                await to_the_end(_restore, self._files, before, leaf, known)
            if before.facts.get("status") in {Status.USED, Status.UNUSED}:
                await self._put_back(before, pem)
            else:
                await self._memory.take_away(leaf)

    async def forget(self, before: Standing) -> None:
        """See Target: removes our copy of the file that was replaced."""
        if self._files and (fingerprint := _on_disk(before)):
            await to_the_end(self._files.drop, fingerprint)

    async def check(self) -> Sequence[Finding]:
        """See Target; an unreachable process is a finding, too."""
        async with self._bounded():
            return await findings(self._memory, self._files)

    def _require_size(self, pem: str, subject: str) -> None:
        if len(pem) > self._largest:
            raise TargetRefused(f"{subject} {len(pem):,} bytes, and this HAProxy takes at most {self._largest:,}.")

    def _require_way_back(self, before: Standing) -> None:
        """Refuse to replace what could not be put back; the file on disk, or a pair of ours, can be."""
        if self._files and before.facts.get("file") != NOTHING:
            return
        is_foreign = before.facts.get("status") == Status.USED and before.fingerprint_sha256 is None
        if is_foreign and not self._replace_unknown:
            what_to_do = (
                f"write it to {self._files.file} first"
                if self._files
                else "set replace_unknown_with_no_way_back to replace it"
            )
            raise TargetRefused(
                f"HAProxy serves a certificate of another origin for {self._memory.path}, "
                f"and it could not be put back; {what_to_do}."
            )

    def _stage(self, files: SlotFiles, pem: str, leaf: Leaf, before: Standing) -> None:
        now, then = files.fact(), before.facts.get("file", NOTHING)
        if now not in {then, leaf.sha256}:
            raise TargetRefused(f"Somebody else changed {files.file} since it was looked at; deploy again.")
        if now not in {NOTHING, leaf.sha256}:
            try:
                old = one_file_of(files.data() or b"")
            except TargetRefused as error:
                raise TargetRefused(f"{files.file} could not be put back as it is. {error.detail}") from error
            self._require_size(old, f"{files.file} could not be put back: it holds")
            files.copy(now)
        files.stage(pem)

    async def _put(self, pem: str, leaf: Leaf) -> None:
        try:
            await self._memory.put(pem, leaf)
        except CertloomError:
            if self._files:
                await to_the_end(self._files.clear)
            raise

    async def _put_back(self, before: Standing, pem: str | None) -> None:
        if (await self._memory.held()).sha1 != before.facts.get("sha1"):
            if pem:
                await self._memory.put(pem, _require_leaf(pem))
            elif before.facts.get("status") == Status.USED:
                raise TargetRefused(f"Nobody has the pair that HAProxy served for {self._memory.path} before.")
        await self._memory.api.abort(self._memory.path)
        if before.facts.get("in_crt_list") == "no":
            await self._memory.unbind()

    def _pem_before(self, before: Standing, known: Material | None) -> str | None:
        """Return what was in memory, if it is ours; else what was on disk for the next start, from copy or file."""
        if known:
            return one_file(known)
        fingerprint = _on_disk(before)
        if self._files is None or fingerprint is None:
            return None
        data = self._files.kept(fingerprint)
        if data is None and self._files.fact() == fingerprint:
            data = self._files.data()
        return None if data is None else one_file_of(data)

    @contextlib.asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError as error:
            raise Outage(f"{self._memory.api.where} did not answer within {self._deadline:g} s.") from error
        except InvalidInput as error:
            raise TargetRefused(error.detail) from error


def host_haproxy(settings: HaproxySettings, allowed: AllowedTargets) -> HaproxyTarget:
    """Open a slot of an instance of this machine; raises TargetRefused for what the targets file does not allow."""
    instance = allowed.haproxy_instance(settings.host, settings.instance)
    file = require_inside(Path(settings.file), instance.folders, what="The PEM file")
    crt_list = Path(settings.crt_list) if settings.crt_list else None
    if crt_list and crt_list not in instance.crt_lists:
        raise TargetRefused(f"The targets file of {allowed.host} does not name the crt-list {crt_list}.")
    files = SlotFiles(settings.file, file, crt_list.resolve() if crt_list else None, allowed.keep)
    socket = instance.socket.resolve()
    api = RuntimeApi(lambda: asyncio.open_unix_connection(socket), where=f"HAProxy's socket {instance.socket}")
    return HaproxyTarget(
        SlotMemory(api, settings.file, settings.crt_list),
        exclusive_key=f"haproxy {allowed.host} {socket}",
        files=files,
        largest=instance.largest,
    )


def tcp_haproxy(settings: HaproxyTcpSettings, dialer: Dialer) -> HaproxyTarget:
    """Open a slot behind a runtime API on TCP; raises TargetRefused for a path that cannot be spoken there."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = await dialer.dial(settings.address, settings.port)
        return connection.reader, connection.writer

    where = f"{settings.address}:{settings.port}"
    return HaproxyTarget(
        SlotMemory(RuntimeApi(connect, where=f"HAProxy's runtime API at {where}"), settings.file, settings.crt_list),
        exclusive_key=f"haproxy {where}",
        replace_unknown=settings.replace_unknown_with_no_way_back,
    )


def _restore(files: SlotFiles, before: Standing, installed: Leaf, known: Material | None) -> None:
    """Make the disk hold what it held; a file that somebody else wrote meanwhile is left alone."""
    files.clear()
    if before.facts.get("in_list_file") == "no":
        files.unlist()
    now, then = files.fact(), before.facts.get("file", NOTHING)
    if now == then or now not in {NOTHING, installed.sha256}:
        return
    if then == NOTHING:
        if known or before.facts.get("status") != Status.USED:  # else a restart would serve nothing at all
            files.remove()
        return
    data = files.kept(then)
    if data is None and known and known.fingerprint_sha256 == then:
        data = one_file(known).encode()
    if data is None:
        raise TargetRefused(f"The copy of what {files.file} held before is gone from {files.keep}.")
    files.restore(data)


def _on_disk(before: Standing) -> str | None:
    fingerprint = before.facts.get("file", NOTHING)
    return None if fingerprint in {NOTHING, UNREADABLE} else fingerprint


def _leaf_of(material: Material) -> Leaf:
    return _require_leaf(material.leaf_pem)


def _require_leaf(pem: str) -> Leaf:
    leaf = read_leaf(pem.encode())
    if leaf is None:
        raise TargetRefused("The certificate cannot be read.")
    return leaf
