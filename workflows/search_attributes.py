"""What operators can search for in Temporal; never encrypted, so only ids, statuses, dates and A-labels."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from certloom.domain.agenda import next_step
from certloom.domain.state import CertificateState

STATUS: Final = SearchAttributeKey.for_keyword("CertificateStatus")
ACCOUNT: Final = SearchAttributeKey.for_keyword("AccountId")
ISSUER: Final = SearchAttributeKey.for_keyword("Issuer")
ORIGIN: Final = SearchAttributeKey.for_keyword("Origin")
DOMAIN: Final = SearchAttributeKey.for_keyword_list("Domain")
NOT_AFTER: Final = SearchAttributeKey.for_datetime("NotAfter")
NEXT_WAKE: Final = SearchAttributeKey.for_datetime("NextWake")
NEEDS_ATTENTION: Final = SearchAttributeKey.for_bool("NeedsAttention")

KEYS: Final[Sequence[SearchAttributeKey[Any]]] = (
    STATUS, ACCOUNT, ISSUER, ORIGIN, DOMAIN, NOT_AFTER, NEXT_WAKE, NEEDS_ATTENTION,
)  # fmt: skip

DOMAIN_BYTES: Final = 1_500  # of JSON; a value over 2,048 gets the workflow terminated (measured on server 1.32)


def pairs(state: CertificateState) -> tuple[SearchAttributePair[Any], ...]:
    """Return every attribute that has a value now."""
    return tuple(SearchAttributePair(key, value) for key, value in _values(state) if value is not None)


def attributes(state: CertificateState) -> TypedSearchAttributes:
    """Return them in the form a start takes."""
    return TypedSearchAttributes(list(pairs(state)))


def changes(
    shown: Mapping[str, SearchAttributePair[Any]], news: Mapping[str, SearchAttributePair[Any]]
) -> list[SearchAttributeUpdate[Any]]:
    """Return what must be upserted, so that operators see *news* where they saw *shown*."""
    new = [pair.key.value_set(pair.value) for name, pair in news.items() if shown.get(name) != pair]
    return [*new, *(pair.key.value_unset() for name, pair in shown.items() if name not in news)]


def leading_names(names: Sequence[str]) -> list[str]:
    """Return as many names as fit into a KeywordList; the rest is found through the API."""
    kept: list[str] = []
    for name in names:
        if len(json.dumps([*kept, name])) > DOMAIN_BYTES:
            break
        kept.append(name)
    return kept


def _values(state: CertificateState) -> Iterator[tuple[SearchAttributeKey[Any], Any]]:
    leaf = state.issuance
    issuer = state.product.issuer if state.product else None
    yield STATUS, state.status.value
    yield ACCOUNT, state.account_id
    yield ORIGIN, state.origin.value
    yield ISSUER, issuer
    yield DOMAIN, leading_names(state.names) or None
    yield NOT_AFTER, leaf.not_after if leaf else None
    yield NEXT_WAKE, next_step(state).at
    yield NEEDS_ATTENTION, state.attention is not None
