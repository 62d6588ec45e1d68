"""What operators' forms have in common: their pages are shown to nobody else, whatever went wrong and however early."""

from fastapi import Request
from starlette.responses import Response

from api.console.route import SamePageRoute
from certloom.domain.errors import CertloomError
from certloom.domain.role import Role


class OperatorRoute(SamePageRoute):
    """A form of operators, whose page is shown again when it is refused."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Look at the role first: a bad Idempotency-Key is refused before the route itself asks for it."""
        if request.state.caller.role is not Role.OPERATOR:
            return None
        return await super().explain(request, error)
