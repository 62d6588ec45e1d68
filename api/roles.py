"""Which role may ask for what: used by every route and by every view's `allowed_actions`.

Operators serve all accounts: they look, decide, and end what must end. What is the customer's own choice (names, keys,
the bundle with the private key, deleting for good) is not theirs.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from certloom.domain.certificate import Action
from certloom.domain.role import Role

_CUSTOMER: Final = frozenset({Role.MEMBER})
_OPERATOR: Final = frozenset({Role.OPERATOR})
_BOTH: Final = _CUSTOMER | _OPERATOR

ACTING: Final[Mapping[Action, frozenset[Role]]] = {
    Action.APPLY: _CUSTOMER,
    Action.CHECK_NOW: _BOTH,
    Action.REVIEW: _OPERATOR,
    Action.WITHDRAW: _BOTH,
    Action.CANCEL_ORDER: _BOTH,
    Action.RENEW: _BOTH,
    Action.REPLACE: _CUSTOMER,
    Action.DEPLOY: _CUSTOMER,
    Action.DOWNLOAD: _CUSTOMER,
    Action.REVOKE: _BOTH,
    Action.DELETE: _CUSTOMER,
}


def for_role(role: Role, actions: Iterable[Action]) -> list[Action]:
    """Return those of *actions* that the role may ask for, in their order."""
    return [action for action in actions if role in ACTING[action]]
