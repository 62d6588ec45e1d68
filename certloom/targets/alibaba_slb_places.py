"""The two places of an HTTPS listener that hold a certificate: its default, and the extension of one SNI domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from certloom.domain.target import AlibabaSlbSettings
from certloom.targets.alibaba_api import Action, AlibabaApi, Wire
from certloom.targets.alibaba_errors import AlibabaRefused, Meaning
from certloom.targets.interface import TargetRefused


@dataclass(frozen=True, slots=True)
class Held:
    """What a place holds: the certificate's id, and the extension's where there is one. Both None: empty."""

    certificate_id: str | None = None
    extension_id: str | None = None

    def facts(self) -> Mapping[str, str]:
        """As facts of a Standing."""
        told = {"server_certificate_id": self.certificate_id, "domain_extension_id": self.extension_id}
        return {name: value for name, value in told.items() if value}


class Place(Protocol):
    """Where one certificate id is held. Raises TargetRefused or Outage; every call may be made again."""

    async def held(self) -> Held:
        """Read it."""
        ...

    async def hold(self, certificate_id: str, held: Held) -> None:
        """Make it hold a certificate; *held* is what it holds now."""
        ...

    async def empty(self, held: Held) -> None:
        """Make it hold none; raises TargetRefused where that cannot be."""
        ...


class _Listener(Wire):
    server_certificate_id: str | None = None


class _Extension(Wire):
    domain: str
    domain_extension_id: str
    server_certificate_id: str | None = None


class _Extensions(Wire):
    domain_extension: tuple[_Extension, ...] = ()


class _Told(Wire):
    domain_extensions: _Extensions = _Extensions()


class _Done(Wire):
    pass


class Listener:
    """The listener itself: where it is, and its default certificate. Nothing else of it is ever changed."""

    def __init__(self, settings: AlibabaSlbSettings, api: AlibabaApi) -> None:
        self._api = api
        self._load_balancer = settings.load_balancer_id
        self._port = settings.listener_port
        self._region = settings.region

    async def held(self) -> Held:
        """Read the default certificate's id."""
        try:
            told = await self._api.call(Action.LISTENER, _Listener, **self.where())
        except AlibabaRefused as refusal:
            if refusal.is_about_access:
                raise
            sentence = (
                f"Region {self._region} shows no HTTPS listener on port {self._port} of load balancer "
                f"{self._load_balancer}. Add the listener, or correct the target. {refusal.detail}"
            )
        else:
            return Held(certificate_id=told.server_certificate_id or None)
        raise TargetRefused(sentence)

    async def hold(self, certificate_id: str, held: Held) -> None:
        """Set the default certificate."""
        if held.certificate_id != certificate_id:
            await self._api.call(Action.SET_LISTENER, _Done, server_certificate_id=certificate_id, **self.where())

    async def empty(self, held: Held) -> None:
        """Refuse: an HTTPS listener has a default certificate or does not exist."""
        if held.certificate_id is not None:
            raise TargetRefused("An HTTPS listener cannot be without a certificate, so none is taken from it.")

    def where(self) -> dict[str, str | int | bool | None]:
        """Return the parameters that name the listener."""
        return {"region_id": self._region, "load_balancer_id": self._load_balancer, "listener_port": self._port}


class Extension:
    """The certificate that the listener shows to clients who ask for one domain; made when first needed."""

    def __init__(self, settings: AlibabaSlbSettings, api: AlibabaApi, *, domain: str) -> None:
        self._listener = Listener(settings, api)
        self._api = api
        self._domain = domain
        self._region = settings.region

    async def held(self) -> Held:
        """Read it; the listener must be there also when the extension is not."""
        await self._listener.held()
        told = await self._api.call(Action.EXTENSIONS, _Told, **self._listener.where())
        for one in told.domain_extensions.domain_extension:
            if one.domain.lower() == self._domain:
                return Held(certificate_id=one.server_certificate_id, extension_id=one.domain_extension_id)
        return Held()

    async def hold(self, certificate_id: str, held: Held) -> None:
        """Set the extension's certificate, or make the extension."""
        if held.extension_id is None:
            where = self._listener.where()
            await self._api.call(
                Action.CREATE_EXTENSION, _Done, domain=self._domain, server_certificate_id=certificate_id, **where
            )
        elif held.certificate_id != certificate_id:
            await self._api.call(
                Action.SET_EXTENSION,
                _Done,
                region_id=self._region,
                domain_extension_id=held.extension_id,
                server_certificate_id=certificate_id,
            )

    async def empty(self, held: Held) -> None:
        """Delete the extension; gone already is success."""
        if held.extension_id is None:
            return
        try:
            await self._api.call(
                Action.DELETE_EXTENSION, _Done, region_id=self._region, domain_extension_id=held.extension_id
            )
        except AlibabaRefused as refusal:
            if refusal.meaning is not Meaning.NOT_FOUND:
                raise


def place_of(settings: AlibabaSlbSettings, api: AlibabaApi) -> Place:
    """Return the place that the settings name."""
    listener = Listener(settings, api)
    return listener if settings.domain is None else Extension(settings, api, domain=settings.domain)
