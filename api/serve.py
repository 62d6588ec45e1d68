"""The API process: the application on the adapters that the settings name. As many replicas as are wanted.

It begins without Temporal or database, says so under /readyz, and never holds the issuers' key.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import uvicorn

from api.app import create_app
from api.lab import HttpLab
from api.services import CodecAccess, Services
from certloom import wiring
from certloom.domain.errors import CertloomError
from certloom.domain.target import MEMBER_KINDS, TargetKind
from certloom.logs import start_logging
from certloom.process import leave, run
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from workflows.client import CertificateClient

GRACE: Final = 8  # seconds for open requests; less than `make run` and compose files grant


async def build_services(settings: Settings, storage: Storage) -> Services:
    """Build what the application works with; raises BadSetting and KeyringInvalid."""
    client = await wiring.connect(settings, lazy=True)
    delegation = wiring.delegation_zone(settings)
    return Services(
        storage=storage,
        client=CertificateClient(client),
        sealer=wiring.customer_sealer(settings),
        credentials=wiring.credentials(),
        bundler=wiring.bundler(),
        balances=wiring.balances(storage),
        files=wiring.published_files(storage),
        catalogue=wiring.catalogue(settings),
        clock=lambda: datetime.now(UTC),
        hosts=frozenset(settings.hosts),
        public_url=settings.base_url,
        member_kinds=_member_kinds(settings),
        payment_methods=frozenset(wiring.payment_methods(storage)),
        temporal_ui_url=settings.temporal_ui_url,
        temporal_namespace=settings.temporal_namespace,
        internal_suffixes=frozenset(settings.internal_suffixes),
        internal_networks=frozenset(settings.allow_networks),
        dns=wiring.dns_providers(settings),
        delegation_zone=delegation.zone if delegation else None,
        lab=HttpLab(settings.lab_control_url) if settings.lab_control_url else None,
        codec=_codec(settings),
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests get GRACE seconds."""
    storage = wiring.storage(settings)
    try:
        app = create_app(await build_services(settings, storage))
        config = uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=settings.log_level == "debug",
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        await _Server(config).serve()
    finally:
        await storage.close()


class _Server(uvicorn.Server):
    """Stops at a signal without raising it again afterwards, so that what was opened is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn.Server; a second signal cuts open requests off."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _member_kinds(settings: Settings) -> frozenset[TargetKind]:
    return MEMBER_KINDS | {TargetKind.HAPROXY_TCP} if settings.members_add_haproxy_tcp else MEMBER_KINDS


def _codec(settings: Settings) -> CodecAccess | None:
    if settings.codec_origin is None:
        return None
    codec = wiring.payload_codec(settings)
    return CodecAccess(codec=codec, origin=settings.codec_origin, namespace=settings.temporal_namespace)


def main() -> int:
    """Run the API process; 1 with one sentence on stderr when it cannot start."""
    try:
        settings = read_settings()
        start_logging(settings)
        run(serve(settings))
    except CertloomError as error:
        sys.stderr.write(f"certloom api: {error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
