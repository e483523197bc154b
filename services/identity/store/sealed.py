"""Finds, counts and updates the secrets sealed under key-encryption keys, in all tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from services.identity.store.connected import Connected
from shared.core.vault import ID_BYTES, MARK

Kind = Literal["signing_key", "second_factor"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_WHERE: Mapping[Kind, tuple[str, str, str]] = {
    "signing_key": ("signing_keys", "kid", "sealed"),
    "second_factor": ("credentials", "account_id", "totp_sealed"),
}
"""The table, key and column of each kind of secret."""


@dataclass(frozen=True)
class SealedSecret:
    """One sealed secret and the row that holds it."""

    kind: Kind
    row_id: str
    sealed: bytes


class Sealed(Connected):
    """The only code that reads and writes sealed secrets across tables."""

    async def lock(self) -> None:
        """Exclude other rewraps until the transaction ends."""
        await self._run(
            "SELECT pg_advisory_xact_lock(hashtext('rewrap'), hashtext(current_schema()))"
        )

    async def named(self) -> dict[str, int]:
        """Return how many secrets name each key-encryption key, by its id."""
        found: dict[str, int] = {}
        for table, _, column in _WHERE.values():
            rows = await self._run(
                f"SELECT encode(substr({column}, :after, :id_bytes), 'hex') AS key_id,"  # noqa: S608
                f" count(*) AS secrets FROM {table}"
                f" WHERE substr({column}, 1, :mark_bytes) = :mark GROUP BY 1",
                mark=MARK,
                mark_bytes=len(MARK),
                after=len(MARK) + 1,
                id_bytes=ID_BYTES,
            )
            for row in rows:
                found[row.key_id] = found.get(row.key_id, 0) + row.secrets
        return found

    async def unnamed(self, kind: Kind) -> Sequence[SealedSecret]:
        """Return the secrets sealed before keys had ids."""
        return await self._find(kind, MARK, "")

    async def others(self, kind: Kind, key_id: str, limit: int) -> Sequence[SealedSecret]:
        """Return secrets that other keys than this one sealed, locked until the transaction ends."""
        head = MARK + bytes.fromhex(key_id)
        return await self._find(kind, head, " LIMIT :limit FOR UPDATE", limit=limit)

    async def left(self, key_id: str) -> int:
        """Return how many secrets other keys than this one sealed."""
        head = MARK + bytes.fromhex(key_id)
        count = 0
        for table, _, column in _WHERE.values():
            found = await self._run(
                f"SELECT count(*) FROM {table} WHERE substr({column}, 1, :bytes) <> :head",  # noqa: S608
                head=head,
                bytes=len(head),
            )
            count += int(found.scalar_one())
        return count

    async def put(self, secret: SealedSecret) -> None:
        """Store a secret that was sealed anew."""
        table, key, column = _WHERE[secret.kind]
        await self._run(
            f"UPDATE {table} SET {column} = :sealed WHERE CAST({key} AS text) = :row_id",  # noqa: S608
            sealed=secret.sealed,
            row_id=secret.row_id,
        )

    async def _find(
        self, kind: Kind, head: bytes, rest: str, **values: int
    ) -> Sequence[SealedSecret]:
        """Return the secrets that do not begin with `head`."""
        table, key, column = _WHERE[kind]
        found = await self._run(
            f"SELECT CAST({key} AS text) AS row_id, {column} AS sealed FROM {table}"  # noqa: S608
            f" WHERE substr({column}, 1, :bytes) <> :head ORDER BY {key}{rest}",
            **{"head": head, "bytes": len(head), **values},
        )
        return [SealedSecret(kind, row.row_id, row.sealed) for row in found]
