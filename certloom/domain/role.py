"""What a caller may do."""

from enum import StrEnum


class Role(StrEnum):
    """`viewer` reads, `member` acts for its account, `operator` belongs to no account and serves all."""

    VIEWER = "viewer"
    MEMBER = "member"
    OPERATOR = "operator"
