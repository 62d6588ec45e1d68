"""Ids, queues and message names that Temporal knows us by; spelled here and nowhere else."""

from typing import Final

QUEUE: Final = "certificates"
WORKFLOW_TYPE: Final = "CertificateWorkflow"
SIGNALS: Final = ("withdraw", "revoke", "resume", "skip")


def workflow_id(certificate_id: str) -> str:
    """Return the workflow's id; a certificate has one for life."""
    return f"certificate-{certificate_id}"
