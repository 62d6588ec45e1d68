"""The folder of one nginx slot: pairs in folders of their own, and the link `current` that is swapped in one step.

`versions/<fingerprint>-<digest>/` holds a pair and never changes once it is complete. `current` leads to one of them,
or to a folder of somebody's own, which is never touched. A killed worker leaves one pair or the other, never half.
"""

import base64
import binascii
import hashlib
import posixpath
import re
from typing import Final

from certloom.targets.interface import Material, TargetRefused
from certloom.targets.machine import Entry, Kind, Machine, one_line

CERTIFICATE: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
_NEW: Final = ".new"
_VERSION: Final = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}")
_LEAF: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def version_of(material: Material) -> str:
    """Where a pair lies below its slot; pairs that differ in anything lie apart, so that none is overwritten."""
    digest = hashlib.sha256("".join(_files(material).values()).encode()).hexdigest()
    return f"versions/{material.fingerprint_sha256[:32]}-{digest[:8]}"


class NginxSlot:
    """The folder of a slot on its machine."""

    def __init__(self, machine: Machine, folder: str) -> None:
        self.folder = folder
        self._machine = machine
        self._current = f"{folder}/current"

    async def link(self) -> str | None:
        """Return what `current` says; None when there is none. Raises TargetRefused for anything but a link."""
        entry = await self._machine.look(self._current)
        if entry is None:
            return None
        if entry.kind is not Kind.LINK:
            raise TargetRefused(
                f"{self._current} on {self._machine.name} is no link. Make it one, and nginx reads the same: "
                f"mv {self._current} {self.folder}/original && ln -s original {self._current}"
            )
        target = await self._machine.target_of(self._current)
        if not target.isprintable() or len(target) > 1000:
            raise TargetRefused(f"{self._current} on {self._machine.name} leads to {one_line(target)}.")
        return target

    async def fingerprint(self) -> str | None:
        """Return that of the leaf that `current` leads to; None for nothing that we can read."""
        try:
            found = _LEAF.search(await self._machine.read(f"{self._current}/{CERTIFICATE}") or b"")
            return hashlib.sha256(base64.b64decode(found[1])).hexdigest() if found else None
        except (TargetRefused, binascii.Error):
            return None

    async def seems_there(self, link: str) -> bool:
        """Whether a pair may be where *link* leads; a folder that we may not read counts as one."""
        try:
            return await self._machine.look(posixpath.join(self.folder, link, CERTIFICATE)) is not None
        except TargetRefused:
            return True

    async def stage(self, material: Material) -> str:
        """Make the pair's version complete, whatever is there of it, and return the link to it."""
        version = version_of(material)
        if await self._machine.look(self.folder) is None:
            await self._machine.make_folder(self.folder)
        for part in ("versions", version):
            await self._require_folder(f"{self.folder}/{part}")
        for name, text in _files(material).items():
            await self._require_file(f"{self.folder}/{version}/{name}", text.encode())
        return version

    async def point(self, link: str | None) -> None:
        """Make `current` say *link*, in one step; None removes it."""
        if link is None:
            await self._machine.remove(self._current)
            return
        await self._machine.remove(self._current + _NEW)
        await self._machine.make_link(link, self._current + _NEW)
        await self._machine.rename(self._current + _NEW, self._current)

    async def drop_all_but(self, previous: str | None) -> None:
        """Remove the versions that we made, which their names tell, but for the served one and *previous*.

        Does nothing while `current` leads elsewhere: then nobody knows what is still wanted.
        """
        keep = [posixpath.basename(link or "") for link in (await self.link(), previous)]
        for name in await self._machine.names(f"{self.folder}/versions") if _VERSION.fullmatch(keep[0]) else ():
            if _VERSION.fullmatch(name) and name not in keep:
                await self.drop(f"versions/{name}")

    async def drop(self, version: str) -> None:
        """Remove one version; what somebody else put into its folder stays there."""
        folder = f"{self.folder}/{version}"
        entry = await self._machine.look(folder)
        if entry is not None and entry.kind is Kind.FOLDER:
            for file in (KEY, KEY + _NEW, CERTIFICATE, CERTIFICATE + _NEW):
                await self._machine.remove(f"{folder}/{file}")
            await self._machine.remove_folder(folder)

    async def _require_folder(self, path: str) -> None:
        entry = await self._machine.look(path)
        if entry is None:
            await self._machine.make_folder(path)
        elif entry.kind is not Kind.FOLDER:
            raise TargetRefused(f"{path} on {self._machine.name} is no folder; move it away.")

    async def _require_file(self, path: str, content: bytes) -> None:
        private = await self._machine.look(path) == Entry(Kind.FILE, 0o600)
        if not private or await self._machine.read(path) != content:
            await self._machine.write(path + _NEW, content)
            await self._machine.rename(path + _NEW, path)


def _files(material: Material) -> dict[str, str]:
    return {CERTIFICATE: material.leaf_pem + material.chain_pem, KEY: material.key_pem}
