"""PostgreSQL: row locks under READ COMMITTED for writing, one snapshot for reading, and every wait limited."""

from typing import ClassVar, Final

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_SECONDS: Final = 5.0
QUEUE_SECONDS: Final = 10.0  # how long a task waits for a free connection
ANSWER_SECONDS: Final = 40.0  # the network's last resort, above the server's own limits
SERVER_LIMITS: Final = {
    "lock_timeout": "10000",  # ms; a rival that holds a row longer is stuck, and the caller comes back later
    "statement_timeout": "30000",  # ms
    "idle_in_transaction_session_timeout": "60000",  # ms; a dead process must not hold rows for ever
}


class PostgresDatabase:
    """A pool of connections, shared by writing and reading; it checks each before it is used."""

    DRIVER: ClassVar = "postgresql+asyncpg"

    def __init__(self, url: URL, *, pool_size: int) -> None:
        self.writer = engine(url, pool_size=pool_size)
        self.reader = self.writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.write, self.read = self.writer.connect, self.reader.connect

    def erased(self) -> None:
        """PostgreSQL's dead rows are its vacuum's business."""

    async def committed(self) -> None:
        """Nothing is left to do."""

    async def close(self) -> None:
        """Close all connections."""
        await self.writer.dispose()


def engine(url: URL, *, pool_size: int, answer_seconds: float | None = ANSWER_SECONDS) -> AsyncEngine:
    """Return an engine whose connections are checked before use, so that a restarted server costs no request."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=QUEUE_SECONDS,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an exception's text must never show a sealed key or a token
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": answer_seconds,
            "server_settings": {"application_name": "certloom", **SERVER_LIMITS},
        },
    )
