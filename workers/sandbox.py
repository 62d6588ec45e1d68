"""The sandbox in which every workflow test and every replay runs: there a clock, a file or a random number is refused.

Workers go without: it found nothing that tests had not, and cost an eighth of their work (docs/decisions/0016).
What is not listed here is loaded anew for each workflow (SQLAlchemy: 9 MB and 0.2 s each time, measured).
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
    """Return the sandbox of tests and replays."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
