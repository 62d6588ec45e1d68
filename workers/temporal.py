"""Reaching Temporal from a process: waiting for it at the start, and what the namespace must have."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from certloom import wiring
from certloom.domain.errors import Outage
from certloom.settings import BadSetting, Settings
from workflows.search_attributes import KEYS

WAIT_AT_START: Final = 60.0  # seconds; in a compose file the server comes up beside us
AGAIN_AFTER: Final = 0.25
_PASSING: Final = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.NOT_FOUND,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")


async def connect(settings: Settings, *, within: float = WAIT_AT_START) -> Client:
    """Connect, waiting for a server that is still starting; raises Outage when it does not answer in time."""
    why = f"Temporal does not answer at {settings.temporal}; is CERTLOOM_TEMPORAL_ADDRESS right?"
    return await _patiently(lambda: wiring.connect(settings), otherwise=why, within=within)


async def _patiently(call: Callable[[], Awaitable[T]], *, otherwise: str, within: float = WAIT_AT_START) -> T:
    """Repeat a call while Temporal is not there yet; raise Outage with the sentence *otherwise* in the end."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await call()
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status not in _PASSING:
                raise
            if time.monotonic() > deadline:
                raise Outage(otherwise) from error
        await asyncio.sleep(AGAIN_AFTER)


async def prepare_namespace(client: Client, *, retention: timedelta) -> None:
    """Make sure of the namespace, how long it keeps closed runs, and our search attributes; may be called again."""
    await _ensure_namespace(client, retention)
    # A frontend hears of a new namespace some seconds after it was made.
    why = f"The namespace {client.namespace} was made, and Temporal does not find it."
    await _patiently(lambda: _ensure_search_attributes(client), otherwise=why)


async def _ensure_namespace(client: Client, retention: timedelta) -> None:
    wanted = Duration(seconds=int(retention.total_seconds()))
    service = client.workflow_service
    try:
        found = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _register(client, wanted)
        return
    if found.config.workflow_execution_retention_ttl != wanted:
        config = NamespaceConfig(workflow_execution_retention_ttl=wanted)
        await service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
        logger.info("namespace %s keeps closed runs %s days", client.namespace, retention.days)


async def _register(client: Client, retention: Duration) -> None:
    request = RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=retention)
    try:
        await client.workflow_service.register_namespace(request)
        logger.info("namespace %s made", client.namespace)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another init was faster
            raise


async def _ensure_search_attributes(client: Client) -> None:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    wanted: Mapping[str, IndexedValueType.ValueType] = {
        key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in KEYS
    }
    missing = {name: kind for name, kind in wanted.items() if name not in known}
    wrong = [name for name, kind in wanted.items() if known.get(name, kind) != kind]
    if wrong:
        raise BadSetting(
            f"The namespace has search attributes of another type: {', '.join(wrong)}; set CERTLOOM_TEMPORAL_NAMESPACE."
        )
    if missing:
        add = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        await client.operator_service.add_search_attributes(add)
        logger.info("search attributes added: %s", ", ".join(missing))
