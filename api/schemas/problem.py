"""How a problem looks, for the OpenAPI description (RFC 9457)."""

from typing import Any, Final

from api.schemas.model import View
from certloom.domain.errors import FieldFault


class ProblemView(View):
    """What went wrong. `code` is stable; the rest is there when it applies."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: tuple[FieldFault, ...] | None = None
    current: str | None = None
    allowed_actions: tuple[str, ...] | None = None
    outcome: str | None = None
    id: str | None = None


_CONTENT: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}}
# 422 is named so that FastAPI does not describe its own, which we never send.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    422: {"model": ProblemView, "description": "The input is not valid", "content": _CONTENT},
    "default": {"model": ProblemView, "description": "Any other problem", "content": _CONTENT},
}
