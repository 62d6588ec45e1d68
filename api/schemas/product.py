"""What is on sale, as the catalogue shows it."""

from api.schemas.model import View
from certloom.domain.money import Money
from certloom.domain.product import Level, NameMode, Product, RefundPolicy


class ProductView(View):
    """One product; prices are in minor units of their currency."""

    id: str
    title: str
    level: Level
    name_mode: NameMode
    max_names: int
    wildcards: bool
    addresses: bool
    issuer: str
    plan_days: int
    price: Money
    refund: RefundPolicy


class ProductList(View):
    """The catalogue."""

    items: tuple[ProductView, ...]


def product_view(product: Product) -> ProductView:
    """Show a product."""
    return ProductView.model_validate(product, from_attributes=True)
