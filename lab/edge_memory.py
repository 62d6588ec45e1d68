"""What the lab's edge holds, and what HAProxy 2.6 would say about it: the commands on certificates, word by word.

It has HAProxy's traps, too: one transaction for all paths, in which a second `set` replaces the first one's content.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certloom.domain.target import covers

_NOT_FOUND: Final = "Can't display the certificate: Not found or the certificate is a bundle!\n"
_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True)
class Held:
    """One certificate with its chain and key, as it was sent."""

    pem: str
    leaf: x509.Certificate

    @property
    def fingerprint_sha256(self) -> str:
        """In lower-case hexadecimal."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def names(self) -> Sequence[str]:
        """What it is good for."""
        extension = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return extension.value.get_values_for_type(x509.DNSName)

    def is_pair(self) -> bool:
        """Whether the key belongs to the certificate."""
        return load_pem_private_key(self.pem[_key_at(self.pem) :].encode(), None).public_key() == self.leaf.public_key()


def held(pem: str) -> Held | None:
    """Read what was sent; None when there is no certificate in it."""
    try:
        return Held(pem, x509.load_pem_x509_certificate(pem.encode()))
    except ValueError:
        return None


@dataclass
class EdgeMemory:
    """Certificates by path, None for an empty place; crt-lists with their entries by line; one transaction."""

    certificates: dict[str, Held | None] = field(default_factory=dict)
    crt_lists: dict[str, dict[int, str]] = field(default_factory=dict)
    direct: set[str] = field(default_factory=set)  # bound by the configuration itself, without a crt-list
    transaction: tuple[str, Held] | None = None

    def bound(self) -> Mapping[str, Held]:
        """What is served, by path."""
        paths = self.direct.union(*(entries.values() for entries in self.crt_lists.values()))
        return {path: found for path, found in self.certificates.items() if found and path in paths}

    def answer(self, line: str, payload: str) -> str:
        """Do what a line says, and return the reply without the empty line after it."""
        words = line.split()
        for start, (count, method) in self._commands().items():
            begin = start.split()
            if words[: len(begin)] == begin and len(words) == len(begin) + count:
                return method(*words[len(begin) :], *([payload] if start == "set ssl cert" else []))
        return "Unknown command. Please enter one of the following commands only:\n  show cli level\n"

    def _commands(self) -> Mapping[str, tuple[int, Callable[..., str]]]:
        return {
            "show cli level": (0, lambda: "admin\n"),
            "show ssl crt-list -n": (1, self._show_list),
            "show ssl cert": (1, self._show),
            "new ssl cert": (1, self._new),
            "set ssl cert": (1, self._set),
            "abort ssl cert": (1, self._abort),
            "commit ssl cert": (1, self._commit),
            "del ssl cert": (1, self._delete),
            "add ssl crt-list": (2, self._add),
            "del ssl crt-list": (2, self._remove),
        }

    def _show(self, path: str) -> str:
        if path.startswith("*"):
            pending = self.transaction if self.transaction and self.transaction[0] == path[1:] else None
            return _shown(path, "Unused", pending[1]) if pending else _NOT_FOUND
        if path not in self.certificates:
            return _NOT_FOUND
        found = self.certificates[path]
        status = "Empty" if found is None else "Used" if path in self.bound() else "Unused"
        return _shown(path, status, found)

    def _new(self, path: str) -> str:
        if path in self.certificates:
            return f"Certificate '{path}' already exists!\n"
        self.certificates[path] = None
        return f"New empty certificate store '{path}'!\n"

    def _set(self, path: str, payload: str) -> str:
        if self.transaction is None and path not in self.certificates:
            return f"Can't replace a certificate which is not referenced by the configuration!\nCan't update {path}!\n"
        found = held(payload)
        if found is None:
            return f"unable to load certificate from file '{path}'.\nCan't load the payload\nCan't update {path}!\n"
        verb, path = ("updated", self.transaction[0]) if self.transaction else ("created", path)
        self.transaction = (path, found)
        return f"Transaction {verb} for certificate {path}!\n"

    def _abort(self, path: str) -> str:
        if self.transaction is None:
            return "No ongoing transaction!\n"
        if self.transaction[0] != path:
            return self._about(path, "abort a transaction for")
        self.transaction = None
        return f"Transaction aborted for certificate '{path}'!\n"

    def _commit(self, path: str) -> str:
        refusal = f"Can't commit {path}!\n"
        if self.transaction is None:
            return f"No ongoing transaction! !\n{refusal}"
        if self.transaction[0] != path:
            return self._about(path, "set") + refusal
        found = self.transaction[1]
        if not _KEY.search(found.pem):
            return f"The transaction must contain at least a certificate and a private key!\n{refusal}"
        if not found.is_pair():
            return f"inconsistencies between private key and certificate loaded '{path}'.\n{refusal}"
        was_bound = path in self.bound()
        self.certificates[path], self.transaction = found, None
        return f"Committing {path}{'.' if was_bound else ''}\nSuccess!\n"

    def _about(self, path: str, doing: str) -> str:
        ours = self.transaction[0] if self.transaction else ""
        return f"The ongoing transaction is about '{ours}' but you are trying to {doing} '{path}'\n"

    def _delete(self, path: str) -> str:
        if path not in self.certificates:
            return f"Can't remove the certificate: certificate '{path}' doesn't exist!\n\n"
        if path in self.bound():
            return f"Can't remove the certificate: certificate '{path}' in use, can't be deleted!\n\n"
        del self.certificates[path]
        return f"Certificate '{path}' deleted!\n"

    def _show_list(self, name: str) -> str:
        if name not in self.crt_lists:
            return "didn't find the specified filename\n"
        return "".join([f"# {name}\n", *(f"{path}:{line}\n" for line, path in self.crt_lists[name].items())])

    def _add(self, name: str, path: str) -> str:
        refusal = "Can't edit the crt-list: "
        if name not in self.crt_lists:
            return f"{refusal}crt-list '{name}' does not exist!\n"
        if path not in self.certificates:
            return f"{refusal}certificate '{path}' does not exist!\n"
        if self.certificates[path] is None:
            return f"{refusal}certificate '{path}' is empty!\n"
        entries = self.crt_lists[name]
        entries[max(entries, default=0) + 1] = path
        return f"Inserting certificate '{path}' in crt-list '{name}'.\nSuccess!\n"

    def _remove(self, name: str, which: str) -> str:
        path, _, number = which.partition(":")
        refusal = "Can't delete the entry: "
        if path not in self.certificates:
            return f"{refusal}certificate '{path}' does not exist!\n"
        lines = [line for line, entry in self.crt_lists.get(name, {}).items() if entry == path]
        if number:
            lines = [line for line in lines if str(line) == number]
        if not lines:
            return f"{refusal}certificate '{path}' can't be found in crt-list '{name}'!\n"
        if len(lines) > 1:
            told = ", ".join(str(line) for line in lines)
            return (
                f"{refusal}found the certificate '{path}' in several entries, "
                f"please specify a line number preceded by colons ({told})!\n"
            )
        del self.crt_lists[name][lines[0]]
        return f"Entry '{path}' deleted in crtlist '{name}'!\n"


def choose(served: Mapping[str, Held], name: str) -> Held | None:
    """Return what a client that asks for a name gets: one with exactly this name before one with a wildcard."""
    fitting = [found for found in served.values() if covers(found.names, name)]
    return next(iter(sorted(fitting, key=lambda found: name not in found.names)), None)


def _shown(path: str, status: str, found: Held | None) -> str:
    return "".join(f"{line}\n" for line in [f"Filename: {path}", f"Status: {status}", *_details(found)])


def _details(found: Held | None) -> Iterator[str]:
    if found:
        serial = f"{found.leaf.serial_number:X}"
        yield f"Serial: {serial.zfill(len(serial) + len(serial) % 2)}"
        yield f"notBefore: {found.leaf.not_valid_before_utc:%b %e %T %Y} GMT"
        yield f"notAfter: {found.leaf.not_valid_after_utc:%b %e %T %Y} GMT"
        yield f"Subject Alternative Name: {', '.join(f'DNS:{name}' for name in found.names)}"
        yield f"SHA1 FingerPrint: {found.leaf.fingerprint(hashes.SHA1()).hex().upper()}"  # noqa: S303 - as HAProxy does
    yield "OCSP Response Key: "


def _key_at(pem: str) -> int:
    match = _KEY.search(pem)
    return match.start() if match else len(pem)
