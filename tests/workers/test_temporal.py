from datetime import timedelta

import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from certloom.domain.errors import Outage
from certloom.settings import Settings
from workers.reconcile import running_ids
from workers.temporal import connect, prepare_namespace
from workflows.names import WORKFLOW_TYPE
from workflows.search_attributes import KEYS, STATUS

MONTH = timedelta(days=30)


async def retention(client: Client) -> timedelta:
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return found.config.workflow_execution_retention_ttl.ToTimedelta()


async def test_the_namespace_keeps_closed_runs_and_knows_our_attributes(temporal: WorkflowEnvironment) -> None:
    """Init gives an existing namespace its retention and search attributes, and may run again."""
    for _ in range(2):
        await prepare_namespace(temporal.client, retention=MONTH)
    assert await retention(temporal.client) == MONTH
    request = ListSearchAttributesRequest(namespace=temporal.client.namespace)
    known = (await temporal.client.operator_service.list_search_attributes(request)).custom_attributes
    assert {key.name: int(key.indexed_value_type) for key in KEYS} == dict(known)


async def test_a_missing_namespace_is_made(temporal: WorkflowEnvironment) -> None:
    """A namespace that is not there yet is registered with the same care."""
    target = temporal.client.service_client.config.target_host
    client = await Client.connect(target, namespace="made-by-init")
    await prepare_namespace(client, retention=MONTH)
    assert await retention(client) == MONTH


async def test_what_runs_is_listed_by_its_id(temporal: WorkflowEnvironment) -> None:
    """Reconcile learns from Temporal's list which certificates need no question; other workflows are not in it."""
    await prepare_namespace(temporal.client, retention=MONTH)
    await temporal.client.start_workflow(WORKFLOW_TYPE, id="certificate-cert_1", task_queue="nobody")
    await temporal.client.start_workflow("Other", id="other", task_queue="nobody")
    while not (found := await running_ids(temporal.client)):
        pass
    assert found == {"certificate-cert_1"}


async def test_a_server_that_is_not_there_is_told() -> None:
    """A process that cannot reach Temporal ends with a sentence that names address and variable."""
    settings = Settings(temporal_address="127.0.0.1:1", payload_key="QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    with pytest.raises(Outage, match=r"does not answer at 127\.0\.0\.1:1; is CERTLOOM_TEMPORAL_ADDRESS right"):
        await connect(settings, within=0)


def test_names_are_those_of_the_page() -> None:
    """Operators search by the names that DESIGN and docs give."""
    assert STATUS.name == "CertificateStatus"
