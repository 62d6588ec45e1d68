"""The proofs that are published in the lab, in memory and, when wanted, in a file that outlives a restart."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import dns.exception
import dns.name
from pydantic import BaseModel, ConfigDict, ValidationError

from certloom.domain.application import Challenge, ValidationMethod
from lab.web import Site
from lab.zone import Zone, txt


class Proofs(BaseModel):
    """The body of control requests, and the state file."""

    model_config = ConfigDict(extra="forbid")

    challenges: tuple[Challenge, ...]


class ProofBoard:
    """Puts challenges into the zone and onto the site, and remembers which."""

    def __init__(self, zone: Zone, site: Site, *, state: Path | None = None) -> None:
        self._zone = zone
        self._site = site
        self._state = state
        self._published: dict[Challenge, None] = {}

    @property
    def published(self) -> tuple[Challenge, ...]:
        """What is published now, oldest first."""
        return tuple(self._published)

    def load(self) -> None:
        """Publish what the state file holds. An unreadable file is said and then ignored: the lab is no archive."""
        if self._state is None or not self._state.exists():
            return
        try:
            proofs = Proofs.model_validate_json(self._state.read_bytes())
        except (OSError, ValidationError) as error:
            sys.stderr.write(f"lab: {self._state} is not readable and starts empty: {error}\n")
            return
        for challenge in proofs.challenges:
            self.publish(challenge)

    def publish(self, challenge: Challenge) -> None:
        """Publish one proof; may be called twice. Raises ValueError when the challenge lacks its fields."""
        if challenge.type is ValidationMethod.DNS_01:
            name, value = _record(challenge)
            self._zone.add(name, "TXT", value)
        else:
            host, path, content = _file(challenge)
            self._site.put(host, path, content)
        self._published[challenge] = None
        self._save()

    def retract(self, challenge: Challenge) -> None:
        """Take one proof away; one that is not published is no error."""
        if challenge.type is ValidationMethod.DNS_01:
            name, value = _record(challenge)
            self._zone.remove(name, "TXT", value)
        else:
            host, path, _ = _file(challenge)
            self._site.remove(host, path)
        self._published.pop(challenge, None)
        self._save()

    def _save(self) -> None:
        if self._state is None:
            return
        fresh = self._state.with_suffix(self._state.suffix + ".new")
        fresh.write_text(Proofs(challenges=self.published).model_dump_json(indent=1), encoding="utf-8")
        fresh.replace(self._state)


def require_complete(challenge: Challenge) -> None:
    """Raise ValueError when a challenge lacks what its type needs, so that many can be checked before one is done."""
    if challenge.type is ValidationMethod.DNS_01:
        _record(challenge)
    else:
        _file(challenge)


def _record(challenge: Challenge) -> tuple[str, str]:
    if not challenge.record_name or challenge.record_value is None:
        raise ValueError(f"The dns-01 challenge of {challenge.name} needs record_name and record_value.")
    try:
        dns.name.from_text(challenge.record_name)
    except dns.exception.DNSException as error:
        raise ValueError(f"{challenge.record_name} is no DNS name: {error}") from error
    return challenge.record_name, txt(challenge.record_value)


def _file(challenge: Challenge) -> tuple[str, str, bytes]:
    parts = urlsplit(challenge.url or "")
    if not parts.hostname or not parts.path or challenge.content is None:
        raise ValueError(f"The http-01 challenge of {challenge.name} needs url and content.")
    return parts.hostname, parts.path, challenge.content.encode()
