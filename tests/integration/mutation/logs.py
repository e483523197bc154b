"""The logs that are mutated: made by the service's own code, with three generations of keys.

One export holds the whole log, others parts of it; the database holds it as the service left it.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from services.audit.checkpointing import Checkpointer
from services.audit.export import lines
from services.audit.settings import Settings
from services.audit.store.log import Log
from services.audit.verify import verify_stored
from services.audit.writer import Writer
from shared.events import Actor
from shared.merkle import Span
from shared.notes import Signer
from tests.integration.audit.conftest import a_disclosure, an_attempt
from tests.integration.audit.test_log import message_of
from tests.integration.mutation.image import Image, image_of

SEEDS = [bytes(range(n, n + 32)) for n in (0, 1, 2)]
TABLES = ("entries", "checkpoints", "nodes")
PARTS = ((0, None), (0, None), (0, 100), (5, 290), (120, None), (200, 300), (250, None))


def messages(clock, count):
    """Attempts and what they were shown, as they come from Kafka."""
    made = []
    for _ in range(count // 2):
        attempt = an_attempt(clock)
        made += [attempt, a_disclosure(clock, attempt)]
    return [message_of(event) for event in made]


@dataclass
class Source:
    """A log in a database, and exports of it."""

    runtime: object
    origin: str
    exports: list[Image]
    live: Image
    appended: dict[int, object]

    @property
    def key(self):
        """The log's first public key: all that the verifier is given."""
        return Signer(self.origin, SEEDS[0]).verifier


def writer_with(runtime, *seeds):
    """The writer of a process that was given these keys."""
    names = ("audit_signing_key", "audit_next_signing_key")
    given = {name: b64encode(seed).decode() for name, seed in zip(names, seeds, strict=False)}
    settings = Settings(**(runtime.settings.model_dump() | given))
    return Writer(runtime, settings), Checkpointer(settings.signers, "audit")


async def make_source(runtime, clock):
    """Write the log: 330 entries and two changes of the key, with a checkpoint every 30 or so."""
    actor = Actor(person_id="a", name="A. Dmin", title="Contractor", agency_ori="CA0520100")
    changes = []
    for number, pair in enumerate(((SEEDS[0], SEEDS[1]), (SEEDS[1], SEEDS[2]))):
        writer, checkpointer = writer_with(runtime, *pair)
        for size in (30, 44, 36):
            await writer.take(messages(clock, size))
            await writer.sign_if_grown()
            clock.advance(seconds=30)
        async with runtime.db.begin() as connection:
            await Log(connection).lock()
            await checkpointer.change_key(connection, actor, f"change {number}", clock.now())
        changes.append(await _size(runtime))
    writer, _ = writer_with(runtime, SEEDS[2])
    for size in (50, 30, 26):
        await writer.take(messages(clock, size))
        await writer.sign_if_grown()
    seeds = {0: SEEDS[0], changes[0] + 1: SEEDS[1], changes[1] + 1: SEEDS[2]}
    exports = []
    for first, end in PARTS:
        async with runtime.db.begin() as connection:
            end = end or await Log(connection).size()
            note = await writer.sign_for(connection, end)
        async with runtime.db.begin() as connection:
            origin = runtime.settings.log_origin
            pieces = [piece async for piece in lines(connection, origin, Span(first, end), note)]
        exports.append(image_of(b"".join(pieces), seeds))
    live = exports[0].copy()
    live.stored = True
    async with runtime.db.begin() as connection:
        rows = await connection.execute(text("SELECT seq, appended_at FROM entries"))
        appended = {row.seq: row.appended_at for row in rows}
    clock.advance(hours=1)
    return Source(runtime, origin, exports, live, appended)


async def _size(runtime):
    async with runtime.db.begin() as connection:
        return await Log(connection).size()


class Live:
    """The database: writes a mutated image into it, verifies, and puts back what was there."""

    def __init__(self, source, owner):
        self._source = source
        self._owner = owner

    async def prepare(self):
        """Be an owner who wants to: no trigger, no unique index, and a copy of everything."""
        async with self._owner("audit") as connection:
            for table in TABLES:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
                await connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
            await connection.execute(
                text("ALTER TABLE entries DROP CONSTRAINT entries_pkey CASCADE")
            )
            await connection.execute(
                text("ALTER TABLE entries DROP CONSTRAINT entries_event_id_key CASCADE")
            )
            await connection.execute(
                text("ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey")
            )

    async def verify(self, image, kept, now):
        """Return the verdict on a database that holds the image."""
        async with self._owner("audit") as connection:
            await self._write(connection, image)
        try:
            settings = self._source.runtime.settings
            async with self._source.runtime.db.begin() as connection:
                return await verify_stored(
                    connection,
                    self._source.origin,
                    [self._source.key],
                    kept,
                    cadence=settings.cadence,
                    now=now,
                )
        finally:
            async with self._owner("audit") as connection:
                for table in TABLES:
                    await connection.execute(text(f"TRUNCATE {table}"))
                    await connection.execute(
                        text(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                    )

    async def _write(self, connection, image):
        raw = (await connection.get_raw_connection()).driver_connection
        await connection.execute(text("TRUNCATE entries, checkpoints"))
        late = max(self._source.appended.values())
        entries = [
            (
                item.seq,
                item.content,
                item.leaf,
                item.entry_hash,
                self._source.appended.get(item.seq, late),
                *(getattr(item.found, name) for name in item.found.__struct_fields__),
            )
            for item in image.items
        ]
        found = image.items[0].found.__struct_fields__ if image.items else ()
        columns = ("seq", "entry", "leaf_hash", "entry_hash", "appended_at", *found)
        if entries:
            await raw.copy_records_to_table("entries", records=entries, columns=columns)
        stored = await connection.execute(text("SELECT * FROM kept_checkpoints ORDER BY size"))
        rows = {row.size: row for row in stored}
        for at, note in image.notes:
            row = rows.get(image.first + at) or rows[max(rows)]
            await connection.execute(
                text(
                    "INSERT INTO checkpoints (size, root_hash, note, key_id, signed_at)"
                    " VALUES (:size, :root, :note, :key_id, :at)"
                ),
                {
                    "size": image.first + at,
                    "root": row.root_hash,
                    "note": note.checkpoint,
                    "key_id": row.key_id,
                    "at": row.signed_at,
                },
            )
        await connection.execute(  # as a forger would who knows of them
            text("DELETE FROM nodes WHERE (number + 1) << level > :size"),
            {"size": len(image.items)},
        )
        if image.nodes_fault is not None:
            await connection.execute(
                text("UPDATE nodes SET hash = :none WHERE level = 8 AND number = :number"),
                {"none": bytes(32), "number": image.nodes_fault},
            )


def later(clock):
    """A moment at which nothing may be unsigned any more."""
    return clock.now() + timedelta(days=1)
