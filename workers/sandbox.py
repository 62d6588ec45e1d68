"""What passes through the workflow sandbox: modules that are loaded once instead of once per workflow.

Workflow modules themselves stay sandboxed. What is not listed here and not allowed for workflows by import-linter
would be loaded anew for each certificate, which costs up to 9 MB and 0.2 s each (measured with SQLAlchemy).
"""

from typing import Final

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# The rules and messages, and activities for their references. The adapters are left out on purpose: a workflow that
# imported one would be slow and noisy in tests instead of silently impure.
PASSED_THROUGH: Final = (
    "activities",
    "certloom.dns.interface",
    "certloom.domain",
    "certloom.issuers.interface",
    "certloom.keys.interface",
    "certloom.payments.interface",
    "certloom.storage.interface",
    "certloom.storage.interface_account",
    "certloom.storage.interface_acme",
    "certloom.storage.interface_authority",
    "certloom.storage.interface_budget",
    "certloom.storage.interface_contest",
    "certloom.storage.interface_dns",
    "certloom.storage.interface_overview",
    "certloom.storage.interface_renewal",
    "certloom.storage.interface_target",
    "certloom.storage.records",
    "certloom.targets.interface",
    "certloom.validation.interface",
    "idna",
    "publicsuffixlist",
    # Pure pieces of the workflow; what waits, and so could be impure, is in certificate.py and life.py. Loading all of
    # them anew cost 17 ms of each certificate's worker time.
    "workflows.decisions",
    "workflows.details",
    "workflows.effects",
    "workflows.intent",
    "workflows.names",
    "workflows.options",
    "workflows.search_attributes",
    "workflows.signals",
    "workflows.start",
)


def runner() -> SandboxedWorkflowRunner:
    """Return the sandbox that every worker and every replay of ours uses."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
