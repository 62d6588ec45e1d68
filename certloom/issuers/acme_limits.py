"""What known ACME CAs allow in which time, as data; a configuration names them, or lists limits of its own.

Let's Encrypt's numbers are those of its page on rate limits of August 2026.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from certloom.domain.budget import Limit, Limits, LimitScope

LETSENCRYPT: Final = Limits(
    items=(
        Limit(scope=LimitScope.ORDERS, count=300, period=timedelta(hours=3)),
        Limit(scope=LimitScope.DOMAIN, count=50, period=timedelta(days=7)),
        Limit(scope=LimitScope.NAME_SET, count=5, period=timedelta(days=7)),
        Limit(scope=LimitScope.FAILURES, count=5, period=timedelta(hours=1)),
    )
)

KNOWN: Final[Mapping[str, Limits]] = {"letsencrypt": LETSENCRYPT, "none": Limits()}
