"""Where the service is and with which key: from the environment, or from a file that is its owner's alone.

An address and a key belong together, so that a key is never sent to an address it was not given for.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from certloom.cli.faults import Misunderstood, NotSignedIn

URL: Final = "CERTLOOM_URL"
API_KEY: Final = "CERTLOOM_API_KEY"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_SIGN_IN: Final = "certloom login"


@dataclass(frozen=True)
class Access:
    """An address without a final slash, and a key of it."""

    url: str
    api_key: str = field(repr=False)

    @property
    def key_id(self) -> str:
        """The key's own id, which is no secret; empty for what is no key of ours."""
        parts = self.api_key.split("_", 2)
        return parts[1] if len(parts) > 2 and parts[1].replace("-", "").isalnum() else ""

    @property
    def local(self) -> bool:
        """Whether it leads to this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def in_clear(self) -> bool:
        """Whether the key would cross a network unencrypted."""
        return self.url.startswith("http:") and not self.local


def find_access(environment: Mapping[str, str]) -> Access:
    """Return the environment's access, or else the stored one; raises NotSignedIn, and Misunderstood for half of it."""
    url, api_key = environment.get(URL), environment.get(API_KEY)
    if url and api_key:
        return Access(read_url(url), read_key(api_key))
    if url or api_key:
        given, missing = (URL, API_KEY) if url else (API_KEY, URL)
        raise NotSignedIn(f"{given} is set and {missing} is not; set both, or neither.")
    return load(config_file(environment))


def config_file(environment: Mapping[str, str]) -> Path:
    """Return where the access is stored (XDG base directories; a relative folder there is to be ignored)."""
    named = Path(environment.get("XDG_CONFIG_HOME") or "")
    folder = named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / ".config"
    return folder / "certloom" / "config.json"


def read_url(text: str) -> str:
    """Return an address without a final slash; raises Misunderstood for what is none."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(str(httpx.URL(url)))
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except (ValueError, httpx.InvalidURL):
        whole = False
        parts = urlsplit("")
    if not whole or parts.query or parts.fragment or parts.username or parts.password:
        raise Misunderstood("That is no address of a service; write it as https://certloom.example.com.")
    return url


def read_key(text: str) -> str:
    """Return an API key without the spaces around it; raises Misunderstood for what cannot be one."""
    api_key = text.strip()
    if not api_key.startswith("clm_") or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise Misunderstood("That is no API key; it begins with clm_.")
    return api_key


def load(path: Path) -> Access:
    """Return the stored access; raises NotSignedIn when there is none, or others might have read or written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotSignedIn("You are not signed in.", hint=_SIGN_IN) from None
    except OSError as error:
        raise NotSignedIn(f"{path} cannot be read: {error.strerror}.", hint=_SIGN_IN) from None
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        _require_private(path, os.fstat(file.fileno()))
        text = file.read()
    try:
        found = json.loads(text)
        return Access(read_url(str(found["url"])), read_key(str(found["api_key"])))
    except (ValueError, KeyError, TypeError, Misunderstood):
        raise NotSignedIn(f"{path} is no configuration of certloom.", hint=_SIGN_IN) from None


def _require_private(path: Path, file: os.stat_result) -> None:
    folder = path.parent.stat()
    if file.st_uid != os.geteuid() or stat.S_IMODE(file.st_mode) & _OTHERS:
        hint = f"chmod 600 {path}, and sign in with a new key if somebody else may have read it."
        raise NotSignedIn(f"{path} may be read by others, so it is not used.", hint=hint)
    if stat.S_IMODE(folder.st_mode) & _OTHERS_WRITE:
        raise NotSignedIn(
            f"{path.parent} may be changed by others, so it is not used.", hint=f"chmod 700 {path.parent}"
        )


def store(path: Path, access: Access) -> None:
    """Write the access for its owner alone, all of it or nothing; raises Misunderstood when it cannot be written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump({"url": access.url, "api_key": access.api_key}, file, indent=1)
            file.write("\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Misunderstood(f"{path} cannot be written: {error.strerror}.") from None
