"""The HTTP application: lists in, application out; nothing is registered from anywhere else."""

from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from api import (
    account,
    accounts,
    application,
    cancellation,
    certificates,
    codec,
    delegations,
    deletion,
    deployments,
    download,
    events,
    health,
    issuances,
    issuers,
    lab,
    pki,
    products,
    purchase,
    reference,
    refund_quote,
    renewal,
    replacement,
    review,
    revocation,
    rollback,
    target_credentials,
    target_deletion,
    targets,
    uploads,
    zone_change,
    zones,
)
from api.console import links
from api.console.app import ConsoleFork
from api.middleware.body import BodyGuard
from api.middleware.head import HeadLikeGet
from api.middleware.headers import SecurityHeaders
from api.middleware.hosts import HostGuard
from api.middleware.last_resort import LastResort
from api.problems import answer
from api.schemas.problem import RESPONSES
from api.services import Services
from certloom.domain.errors import CertloomError

DESCRIPTION: Final = (
    "Certificates from purchase to deletion. Send `Authorization: Bearer clm_...`; errors are RFC 9457 problems."
)
RESOURCES: Final = (
    products, certificates, purchase, application, review, renewal, replacement, refund_quote, revocation,
    cancellation, deletion, download, issuances, events, deployments, rollback, targets, target_credentials,
    target_deletion, zones, zone_change, delegations, uploads, issuers, account, accounts, links,
)  # fmt: skip


def create_app(services: Services) -> FastAPI:
    """Build the application; *services* is all it works with, and several may live in one process."""
    app = FastAPI(
        title="Certloom",
        version="1",
        description=DESCRIPTION,
        servers=[{"url": services.public_url}],
        responses=RESPONSES,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(LastResort),
            Middleware(HostGuard, hosts=services.hosts),
            Middleware(HeadLikeGet),
            Middleware(ConsoleFork, services=services),
            Middleware(BodyGuard, larger={"/codec/": codec.LARGEST}),
        ],
        exception_handlers={
            CertloomError: _problem,
            RequestValidationError: _problem,
            HTTPException: _problem,
        },
    )
    app.state.services = services
    for router in _routers(services):
        app.include_router(router)
    return app


def _routers(services: Services) -> list[APIRouter]:
    versioned = APIRouter(prefix="/v1")
    for resource in RESOURCES:
        versioned.include_router(resource.router)
    if services.lab:
        versioned.include_router(lab.router)
    open_to_all = [pki.router, health.router, reference.router]
    return [versioned, *open_to_all, *([codec.router] if services.codec else [])]


async def _problem(request: Request, error: Exception) -> Response:
    return answer(request, error)
