"""What an operator has to decide."""

from api.schemas.model import View
from api.schemas.product import ProductView
from certloom.domain.application import Contact, Organization
from certloom.domain.model import Utc


class ReviewView(View):
    """One application that waits: who asks, for which names, in which name; `proven_at` when control was seen."""

    certificate_id: str
    account_id: str
    application_id: str
    product: ProductView
    names: tuple[str, ...]
    opened_at: Utc
    deadline: Utc
    proven_at: Utc | None
    organization: Organization | None
    contact: Contact | None


class ReviewPage(View):
    """One page, oldest first."""

    items: tuple[ReviewView, ...]
    next_cursor: str | None
