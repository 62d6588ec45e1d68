"""GET /v1/products: what is on sale."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import AnyCaller
from api.case import AnyServices, say
from api.schemas.product import ProductList, product_view

router = APIRouter(tags=["Products"])


@router.get("/products", response_model=ProductList, summary="What is on sale")
async def list_products(services: AnyServices, _: AnyCaller) -> Response:
    """List every product with its price and refund policy."""
    return say(ProductList(items=tuple(product_view(product) for product in services.catalogue.items)))
