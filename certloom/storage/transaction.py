"""All tables on one connection, for as long as its transaction is open."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.account import SqlAccountTable
from certloom.storage.acme import SqlAcmeTable
from certloom.storage.authority import SqlAuthorityTable
from certloom.storage.budget import SqlBudgetTable
from certloom.storage.certificate import SqlCertificateTable
from certloom.storage.claim import SqlClaimTable
from certloom.storage.contest import SqlContestTable
from certloom.storage.deployment import SqlDeploymentTable
from certloom.storage.dns import SqlDelegationTable, SqlPublishedTable, SqlZoneTable
from certloom.storage.draft import SqlDraftTable
from certloom.storage.idempotency import SqlAuditTable, SqlIdempotencyTable
from certloom.storage.interface import (
    CertificateTable,
    ClaimTable,
    DraftTable,
    IssuanceTable,
    LookTable,
    SecretTable,
    TokenTable,
)
from certloom.storage.interface_account import AccountTable, AuditTable, IdempotencyTable, LedgerTable
from certloom.storage.interface_acme import AcmeTable
from certloom.storage.interface_authority import AuthorityTable
from certloom.storage.interface_budget import BudgetTable
from certloom.storage.interface_contest import ContestTable
from certloom.storage.interface_dns import DelegationTable, PublishedTable, ZoneTable
from certloom.storage.interface_overview import OverviewTable
from certloom.storage.interface_renewal import RenewalTable
from certloom.storage.interface_target import DeploymentTable, LeaseTable, TargetTable
from certloom.storage.issuance import SqlIssuanceTable
from certloom.storage.ledger import SqlLedgerTable
from certloom.storage.look import SqlLookTable, SqlTokenTable
from certloom.storage.overview import SqlOverviewTable
from certloom.storage.renewal import SqlRenewalTable
from certloom.storage.secret import SqlSecretTable
from certloom.storage.target import SqlLeaseTable, SqlTargetTable


class SqlTransaction:
    """Transaction on one connection; of no use once that is closed."""

    def __init__(self, connection: AsyncConnection, on_erase: Callable[[], None]) -> None:
        self.certificates: CertificateTable = SqlCertificateTable(connection)
        self.claims: ClaimTable = SqlClaimTable(connection)
        self.drafts: DraftTable = SqlDraftTable(connection, on_erase)
        self.issuances: IssuanceTable = SqlIssuanceTable(connection)
        self.secrets: SecretTable = SqlSecretTable(connection, on_erase)
        self.accounts: AccountTable = SqlAccountTable(connection)
        self.ledger: LedgerTable = SqlLedgerTable(connection)
        self.looks: LookTable = SqlLookTable(connection)
        self.tokens: TokenTable = SqlTokenTable(connection)
        self.authorities: AuthorityTable = SqlAuthorityTable(connection, on_erase)
        self.acme: AcmeTable = SqlAcmeTable(connection, on_erase)
        self.idempotency: IdempotencyTable = SqlIdempotencyTable(connection)
        self.audit: AuditTable = SqlAuditTable(connection)
        self.targets: TargetTable = SqlTargetTable(connection)
        self.deployments: DeploymentTable = SqlDeploymentTable(connection)
        self.leases: LeaseTable = SqlLeaseTable(connection)
        self.zones: ZoneTable = SqlZoneTable(connection)
        self.delegations: DelegationTable = SqlDelegationTable(connection)
        self.published: PublishedTable = SqlPublishedTable(connection)
        self.renewals: RenewalTable = SqlRenewalTable(connection)
        self.contests: ContestTable = SqlContestTable(connection)
        self.overview: OverviewTable = SqlOverviewTable(connection)
        self.budget: BudgetTable = SqlBudgetTable(connection)
