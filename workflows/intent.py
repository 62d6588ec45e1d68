"""What handlers leave for `run`: something asked for, and whether it is answered yet."""

from dataclasses import dataclass, field

from certloom.domain.command import Command
from certloom.domain.deployment import DeploymentReport, DisplacedReport, DriftReport
from certloom.domain.errors import CertloomError
from certloom.domain.model import Model
from certloom.domain.renewal import RenewalReport


class OperatorWord(Model):
    """`resume` or `skip`, said to a parked step."""

    word: str


class Ignored(Model):
    """A message that does not apply; it is recorded and changes nothing."""

    message: str
    why: str
    actor: str = "signal"


Report = DeploymentReport | DisplacedReport | DriftReport | RenewalReport
"""What our own workflows tell; it may come twice, and late."""


@dataclass
class Intent:
    """One message. An update waits until `version` is in the row, or for `refusal`; a signal waits for nothing."""

    wanted: Command | OperatorWord | Ignored | Report
    version: int | None = None
    refusal: CertloomError | None = None
    from_signal: bool = field(default=False, kw_only=True)
