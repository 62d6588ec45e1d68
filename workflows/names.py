"""Ids, queues and message names that Temporal knows us by; spelled here and nowhere else."""

from typing import Final

QUEUE: Final = "certificates"
TARGETS_QUEUE: Final = "targets"  # of its own, so that a slow place keeps nobody from buying a certificate
WORKFLOW_TYPE: Final = "CertificateWorkflow"
DEPLOYMENT_TYPE: Final = "DeploymentWorkflow"
TARGET_CHECK_TYPE: Final = "TargetCheckWorkflow"
WATCH_TYPE: Final = "EndpointWatchWorkflow"
WATCH_ID: Final = "endpoint-watch"  # of the schedule, and of its runs
RENEWAL_WATCH_TYPE: Final = "RenewalWatchWorkflow"
RENEWAL_WATCH_ID: Final = "renewal-watch"

SIGNALS: Final = ("withdraw", "revoke", "resume", "skip")
# What our own workflows tell a certificate's; people have no use for them.
DEPLOYMENT_ENDED: Final = "deployment_ended"
TARGET_DISPLACED: Final = "target_displaced"
ENDPOINT_DRIFTED: Final = "endpoint_drifted"
RENEWAL_SUGGESTED: Final = "renewal_suggested"


def workflow_id(certificate_id: str) -> str:
    """Return the workflow's id; a certificate has one for life."""
    return f"certificate-{certificate_id}"


def deployment_workflow_id(deployment_id: str) -> str:
    """Return the id of a deployment's workflow."""
    return f"deployment-{deployment_id}"


def queue_of(host: str | None) -> str:
    """Return the queue on which a target can be driven: its host's, or that of every worker."""
    return f"{TARGETS_QUEUE}-{host}" if host else TARGETS_QUEUE
