"""The logs that are mutated: made by the service's own code, with three generations of keys.

Purges have erased values in two of them. One export holds the whole log, others parts of it, some with the
values; the database holds it as the service left it.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text

from services.audit.actions.checkpointing import Checkpointer
from services.audit.actions.export import lines
from services.audit.actions.verify import verify_stored
from services.audit.actions.writer import Writer
from services.audit.settings import Settings
from services.audit.store.log import Log
from services.audit.workers.erasing import Eraser
from shared.core.merkle import Span
from shared.core.signed_notes import Signer
from shared.events import Actor, DisclosedDay, DisclosedRecord, RecordsPurged
from shared.objects.purge_list import ListWriter, Page
from tests.integration.audit.conftest import a_disclosure, an_attempt
from tests.integration.audit.erasing import BEFORE, OLD, certified
from tests.integration.audit.messages import message_of
from tests.integration.audit.sealed_events import a_hit
from tests.integration.mutation.image import Image, image_of

SEEDS = [bytes(range(n, n + 32)) for n in (0, 1, 2)]
TABLES = ("entries", "checkpoints", "nodes")
VALUES = ("sealed_values", "erasures", "erased")
PARTS = ((0, None), (0, None), (0, 100), (5, 290), (120, None), (200, 300), (250, None))
PARTS_WITH_VALUES = ((0, None), (0, None), (60, None), (120, None), (250, None))


@dataclass
class Seen:
    """Reads in the log: those that the next purge destroys, and those under a hold."""

    gone: list[UUID] = field(default_factory=list)
    held: list[UUID] = field(default_factory=list)

    def messages(self, clock, count):
        """Return attempts, their disclosures, and hits, of young and of old records, as they come from Kafka."""
        made = []
        while len(made) < count:
            attempt = an_attempt(clock)
            gone, held = uuid4(), uuid4()
            self.gone.append(gone)
            self.held.append(held)
            records = [
                DisclosedRecord(record_id=str(read), plates=[plate])
                for read, plate in ((gone, "1GONE11"), (held, "2HELD22"))
            ]
            old = a_disclosure(clock, attempt)
            made += [
                (attempt, "retention"),
                (a_disclosure(clock, attempt), "retention"),
                (
                    msgspec.structs.replace(
                        old, records=[DisclosedDay(captured_on=OLD, shown=records)]
                    ),
                    "retention",
                ),
                (a_hit(clock), "hotlist"),
                (a_hit(clock, read_id=gone, captured_at=MORNING), "hotlist"),
            ]
        return [message_of(event, source) for event, source in made[:count]]

    async def purge(self, runtime, writer, clock):
        """Have retention destroy and certify the due records, and audit erase their values; return the entry's id."""
        freed = self.held[: len(self.held) // 3]
        gone, self.gone = self.gone + freed, []
        self.held = self.held[len(freed) :]

        async def page(reads):
            yield Page.of("read", reads)

        run_id = uuid4()
        writing = ListWriter(runtime.objects, run_id, BEFORE)
        purged = RecordsPurged(
            occurred_at=clock.now(),
            run_id=run_id,
            before=BEFORE,
            reads=len(gone),
            captures=0,
            objects=0,
            kept_under_hold=len(self.held),
            purge_list=await writing.write(page(gone), page(self.held)),
        )
        await writer.append([message_of(purged), message_of(certified(clock, run_id))])
        assert await Eraser(runtime, writer).catch_up() == 1
        return str(purged.event_id)


MORNING = datetime(OLD.year, OLD.month, OLD.day, 9, tzinfo=UTC)


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
    """Return the writer of a process with these keys."""
    names = ("audit_signing_key", "audit_next_signing_key")
    given = {name: b64encode(seed).decode() for name, seed in zip(names, seeds, strict=False)}
    settings = Settings(**(runtime.settings.model_dump() | given))
    return Writer(runtime, settings), Checkpointer(settings.signers, "audit")


async def make_source(runtime, clock):
    """Write the log: 330 entries and two changes of the key, with a checkpoint every 30 or so."""
    actor = Actor(person_id="a", name="A. Dmin", title="Contractor", agency_ori="CA0520100")
    changes, seen, purges = [], Seen(), []
    for number, pair in enumerate(((SEEDS[0], SEEDS[1]), (SEEDS[1], SEEDS[2]))):
        writer, checkpointer = writer_with(runtime, *pair)
        for size in (30, 44, 36):
            await writer.append(seen.messages(clock, size))
            await writer.sign_if_grown()
            clock.advance(seconds=30)
        purges.append(await seen.purge(runtime, writer, clock))
        async with runtime.db.begin() as connection:
            await Log(connection).lock()
            await checkpointer.change_key(connection, actor, f"change {number}", clock.now())
        changes.append(await _size(runtime))
    writer, _ = writer_with(runtime, SEEDS[2])
    for size in (50, 30, 26):
        await writer.append(seen.messages(clock, size))
        await writer.sign_if_grown()
    seeds = {0: SEEDS[0], changes[0] + 1: SEEDS[1], changes[1] + 1: SEEDS[2]}
    answers = await _answers(runtime, purges)
    exports = []
    for first, end, values in (
        *((first, end, False) for first, end in PARTS),
        *((first, end, True) for first, end in PARTS_WITH_VALUES),
    ):
        async with runtime.db.begin() as connection:
            end = end or await Log(connection).size()
            note = await writer.sign_for(connection, end)
        async with runtime.db.begin() as connection:
            exported = lines(
                connection, runtime.settings.log_origin, Span(first, end), note, values=values
            )
            image = image_of(b"".join([piece async for piece in exported]), seeds)
        if values:
            image.answers = {
                purged: spans
                for purged, spans in answers.items()
                if any(one.purged_event_id == purged for one in image.before)
                or any(
                    part.purged_event_id == purged
                    for item in image.items
                    for group in item.groups
                    for part in group.erased
                )
            }
        exports.append(image)
    live = next(image for image in exports if image.opening.values).copy()
    live.opening = msgspec.structs.replace(live.opening, values=False)
    live.stored, live.answers = True, answers
    async with runtime.db.begin() as connection:
        rows = await connection.execute(text("SELECT seq, appended_at FROM entries"))
        appended = {row.seq: row.appended_at for row in rows}
    clock.advance(hours=1)
    return Source(runtime, runtime.settings.log_origin, exports, live, appended)


async def _answers(runtime, purges):
    """Return, for each purge, the first and the last entry of which it erased values."""
    async with runtime.db.begin() as connection:
        rows = await connection.execute(
            text("SELECT purged_event, min(seq) AS a, max(seq) AS b FROM erased GROUP BY 1")
        )
        answers = {str(row.purged_event): [(row.a, row.b)] for row in rows}
    assert sorted(answers) == sorted(purges), "a purge erased nothing"
    return answers


async def _size(runtime):
    async with runtime.db.begin() as connection:
        return await Log(connection).size()


class Live:
    """The database: writes a mutated image into it, verifies, and restores the original."""

    def __init__(self, source, owner):
        self._source = source
        self._owner = owner

    async def prepare(self):
        """Act as a hostile owner: drop triggers and unique indexes, and copy all tables."""
        async with self._owner("audit") as connection:
            for table in TABLES:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
                await connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
            for table in VALUES:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
                await connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
            await connection.execute(text("SELECT add_values_month(DATE '2026-05-30')"))
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
                for table in VALUES if image.statements else ():
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
        for statement in image.statements:
            await raw.execute(statement)
        if image.nodes_fault is not None:
            await connection.execute(
                text("UPDATE nodes SET hash = :none WHERE level = 8 AND number = :number"),
                {"none": bytes(32), "number": image.nodes_fault},
            )


def later(clock):
    """Return a moment by which every entry must be signed."""
    return clock.now() + timedelta(days=1)
