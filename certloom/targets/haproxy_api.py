"""HAProxy's runtime API as far as certificates go (management guide, section 9.3), over any stream of bytes.

Every phrase was seen on Debian's 2.6.12. What answers may be no HAProxy at all, so replies are matched, never shown.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, NamedTuple

from certloom.domain.errors import CertloomError, Outage
from certloom.targets.interface import TargetRefused

EXCHANGE_TIMEOUT: Final = 5.0
"""Seconds for one command, from connecting to the last byte of the reply."""

LARGEST_REPLY: Final = 4 * 1024 * 1024
"""Bytes; a crt-list of 20,000 entries fits."""

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Opens one connection. Raises OSError, or one of our own errors."""

_SPEAKABLE: Final = re.compile(r"/[A-Za-z0-9._/@+*=~-]+")
_ONGOING: Final = re.compile(r"The ongoing transaction is about '(\S{1,500})' but")
_UPDATED: Final = re.compile(r"Transaction updated for certificate (\S{1,500})!")
_FIELD: Final = re.compile(r"^(Filename|Status|Serial|SHA1 FingerPrint): (.*)$", re.MULTILINE)


class Status(StrEnum):
    """What the process has under a path."""

    USED = "used"  # some `bind` or `server` line serves it
    UNUSED = "unused"  # kept in memory, served by nobody
    EMPTY = "empty"  # made by `new ssl cert`, never filled
    UNKNOWN = "unknown"  # no such path


class Held(NamedTuple):
    """One certificate in the memory of the process; lower-case hexadecimal, empty strings when there is none."""

    status: Status
    serial: str = ""
    sha1: str = ""


def speakable(path: str) -> str:
    """Return the path; raises TargetRefused when the runtime API would take it for more than one word."""
    if not _SPEAKABLE.fullmatch(path):
        raise TargetRefused(
            f"HAProxy's runtime API cannot be told the path {path!r}: "
            "only letters, digits and . _ / @ + * = ~ - may stand in it."
        )
    return path


class RuntimeApi:
    """One HAProxy process. All raise Outage, and TargetRefused when the process itself says no.

    `where` names it in sentences. One connection per command: the process closes it after its reply.
    """

    def __init__(self, connect: Connect, *, where: str, timeout: float = EXCHANGE_TIMEOUT) -> None:
        self.where = where
        self._connect = connect
        self._timeout = timeout

    async def level(self) -> str:
        """Return what the socket lets us do: `admin`, `operator` or `user`."""
        reply = (await self._ask("show cli level")).strip()
        if reply not in {"admin", "operator", "user"}:
            raise self._puzzled("show cli level", reply)
        return reply

    async def show(self, path: str, *, pending: bool = False) -> Held:
        """Return what is under a path, or what the ongoing transaction would put there."""
        named = f"*{path}" if pending else path
        reply = await self._ask(f"show ssl cert {named}")
        if reply.startswith("Can't display the certificate: Not found"):
            return Held(Status.UNKNOWN)
        found = _FIELD.findall(reply)
        fields = dict(found)
        if len(fields) != len(found) or fields.get("Filename") != named:
            raise await self._why_not_shown(reply)
        held = _held(fields)
        if held is None:
            raise self._puzzled("show ssl cert", reply)
        return held

    async def abort(self, path: str) -> None:
        """Drop the one transaction that a process can have, whoever began it; nothing that is served changes."""
        for _ in range(2):
            reply = await self._ask(f"abort ssl cert {path}")
            if reply.startswith(("No ongoing transaction!", "Transaction aborted for certificate")):
                return
            other = _ONGOING.match(reply)
            if other is None or not _SPEAKABLE.fullmatch(other[1]):
                raise self._puzzled("abort ssl cert", reply)
            path = other[1]
        raise Outage(f"Somebody else changes certificates at {self.where} at this moment.")

    async def create(self, path: str) -> None:
        """Make an empty place for a certificate; one that is there is left as it is."""
        reply = await self._ask(f"new ssl cert {path}")
        if not reply.startswith("New empty certificate store") and "already exists!" not in reply:
            raise self._puzzled("new ssl cert", reply)

    async def offer(self, path: str, pem: str) -> None:
        """Begin the transaction. *pem* must hold no blank line and end with a line feed."""
        if "\n\n" in pem or not pem.endswith("-\n"):
            raise TargetRefused("A PEM with a blank line cannot be sent to HAProxy.")
        reply = await self._ask(f"set ssl cert {path} <<\n{pem}\n")
        said = reply.partition("\n")[0]
        if said in {f"Transaction created for certificate {path}!", f"Transaction updated for certificate {path}!"}:
            return
        raise await self._why_not_taken(path, reply, size=len(pem))

    async def commit(self, path: str) -> None:
        """End the transaction: new handshakes get the certificate at once. A refusal changes nothing."""
        reply = await self._ask(f"commit ssl cert {path}")
        if "Success!" in reply.splitlines():
            return
        if reply.startswith("inconsistencies between private key and certificate"):
            raise TargetRefused("HAProxy says that the private key does not belong to the certificate.")
        if reply.startswith("No ongoing transaction!") or _ONGOING.match(reply):
            raise Outage(f"Somebody else dropped our transaction at {self.where}.")
        if "Can't commit" in reply:
            raise TargetRefused(f"HAProxy refuses to commit the certificate for {path}.")
        raise self._puzzled("commit ssl cert", reply)

    async def delete(self, path: str) -> None:
        """Forget a certificate that no line uses; one that is not there is no error."""
        reply = await self._ask(f"del ssl cert {path}")
        if "in use, can't be deleted" in reply:
            raise TargetRefused(f"HAProxy still uses {path}, so it cannot be taken away.")
        if "deleted!" not in reply and "doesn't exist!" not in reply:
            raise self._puzzled("del ssl cert", reply)

    async def lines(self, crt_list: str, path: str) -> tuple[str, ...] | None:
        """Return the numbers of the entries of a crt-list that name the path; None when there is no such list."""
        reply = await self._ask(f"show ssl crt-list -n {crt_list}")
        if reply.startswith("didn't find the specified filename"):
            return None
        if not reply.startswith("# "):
            raise self._puzzled("show ssl crt-list", reply)
        entries = (line.split(maxsplit=1)[0].rpartition(":") for line in reply.splitlines()[1:] if line.strip())
        return tuple(number for entry, _, number in entries if entry == path)

    async def bind(self, crt_list: str, path: str) -> None:
        """Add an entry; ask `lines` before, or a second one comes to be."""
        reply = await self._ask(f"add ssl crt-list {crt_list} {path}")
        if "Success!" in reply.splitlines() or "file already exists in this directory" in reply:
            return
        if reply.startswith("Can't edit the crt-list"):
            raise TargetRefused(f"HAProxy refuses to add {path} to the crt-list {crt_list}.")
        raise self._puzzled("add ssl crt-list", reply)

    async def unbind(self, crt_list: str, path: str) -> None:
        """Remove every entry that names the path; none is no error."""
        numbers = await self.lines(crt_list, path) or ()
        for number in reversed(numbers):
            suffix = "" if len(numbers) == 1 else f":{number}"  # entries of a folder are all number 0
            reply = await self._ask(f"del ssl crt-list {crt_list} {path}{suffix}")
            if "deleted in crtlist" not in reply:
                raise self._puzzled("del ssl crt-list", reply)

    async def _ask(self, command: str) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await self._connect()
                try:
                    reply = await _exchange(reader, writer, command)
                finally:
                    writer.transport.abort()
        except TimeoutError as error:
            raise Outage(f"{self.where} did not answer within {self._timeout:g} s.") from error
        except OSError as error:
            raise Outage(f"{self.where} cannot be reached: {error.strerror or type(error).__name__}.") from error
        if len(reply) > LARGEST_REPLY or (reply and not reply.endswith(b"\n\n")):
            raise self._puzzled(" ".join(command.split()[:3]), "?")
        return reply.decode("utf-8", errors="replace")

    async def _why_not_shown(self, reply: str) -> CertloomError:
        if reply.startswith("Can't allocate memory!") and await self.level() == "user":
            return self._puzzled("show ssl cert", "Permission denied")
        return self._puzzled("show ssl cert", reply)

    async def _why_not_taken(self, path: str, reply: str, *, size: int) -> CertloomError:
        """Say why a transaction did not begin; when ours went into somebody else's, drop that."""
        other = _UPDATED.match(reply)
        if other and _SPEAKABLE.fullmatch(other[1]):
            await self.abort(other[1])
            return Outage(f"Somebody else changes certificates at {self.where} at this moment.")
        if "not referenced by the configuration" in reply:
            return TargetRefused(f"HAProxy knows no certificate {path}.")
        if "unable to load certificate" in reply or "Can't load the payload" in reply:
            return TargetRefused("HAProxy cannot read the certificate or its key.")
        if reply or size < 2_000:
            return self._puzzled("set ssl cert", reply)
        await self.show(path)  # still there, so it was the size
        return TargetRefused(
            f"HAProxy hung up on a PEM of {size:,} bytes: its tune.bufsize (16,384 unless set) must be larger."
        )

    def _puzzled(self, command: str, reply: str) -> CertloomError:
        if reply.startswith("Permission denied"):
            return TargetRefused(f"{self.where} does not let us change certificates: it needs `level admin`.")
        if "currently locked" in reply:
            return Outage(f"Somebody else changes certificates at {self.where} at this moment.")
        if not reply:
            return Outage(f"{self.where} hung up without an answer.")
        return Outage(f"{self.where} answered `{command}` with something that HAProxy does not say.")


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str) -> bytes:
    reply = bytearray()
    with contextlib.suppress(ConnectionError):  # it hangs up on what is larger than its buffer
        writer.write(f"{command}\n".encode() if not command.endswith("\n") else command.encode())
        await writer.drain()
    with contextlib.suppress(ConnectionError):
        while len(reply) <= LARGEST_REPLY and (chunk := await reader.read(65536)):
            reply += chunk
    return bytes(reply)


def _held(fields: dict[str, str]) -> Held | None:
    try:
        status = Status(fields["Status"].lower())
        if status is Status.EMPTY:
            return Held(status)
        return Held(status, f"{int(fields['Serial'], 16):x}", f"{int(fields['SHA1 FingerPrint'], 16):040x}")
    except (KeyError, ValueError):
        return None
