"""Fills a store with reads of the last month, so that a bench meets tables and indexes as large as in life."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from services.retention.domain.plates import grams, plate_number
from shared.core.matching import skeleton
from tests.bench.county import Ranks, plate_of

DAYS = 31


def id_at(moment: str) -> str:
    """Return SQL of a random id that begins with a moment, itself SQL, as the services' own do."""
    return (
        f"CAST(lpad(to_hex(CAST(extract(epoch FROM {moment}) * 1000 AS bigint)), 12, '0')"
        " || substr(replace(CAST(gen_random_uuid() AS text), '-', ''), 13) AS uuid)"
    )


_WARM = """
CREATE TEMP TABLE warm (plate_id bigint, plate text, captured_at timestamptz, device_id uuid)
"""
_MONTHS = """
SELECT retention.make_month(month)
FROM (SELECT DISTINCT date_trunc('month', captured_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month FROM warm) m
"""
_READS = f"""
INSERT INTO retention.reads (read_id, captured_at, received_at, plate_id, confidence, latitude, longitude, device_id,
    agency_ori, plate_as_read, region, source, model, late)
SELECT {id_at("captured_at")}, captured_at, captured_at, plate_id, 0.93, 39.9277, -122.1792, device_id,
    $1, plate, 'US-CA', 'edge', 'edge', false
FROM warm ORDER BY captured_at
"""
_PIECE = 100_000


async def fill(url: str, seen: Ranks, devices: Sequence[UUID], ori: str) -> None:
    """Store one read of each vehicle in `seen`, spread over devices and the last month, with its plates.

    As the services' own, the ids of the reads begin with the moment of capture.

    Args:
        url: the database, as its owner.
        seen: ranks of vehicles, one for each read.
        devices: ids of the devices that made the reads.
        ori: the agency that owns them.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_WARM)
        await _copy_plates(connection, np.unique(seen))
        await _copy_reads(connection, seen, devices)
        await connection.execute(_MONTHS)
        await connection.execute(_READS, ori)
        await connection.execute("ANALYZE retention.reads; ANALYZE retention.plates")
    finally:
        await connection.close()


async def _copy_plates(connection: asyncpg.Connection, vehicles: Ranks) -> None:
    for begin in range(0, len(vehicles), _PIECE):
        texts = [plate_of(int(rank)) for rank in vehicles[begin : begin + _PIECE]]
        await connection.copy_records_to_table(
            "plates",
            schema_name="retention",
            columns=["plate_id", "plate", "grams"],
            records=[(plate_number(text), text, grams(skeleton(text))) for text in texts],
        )


async def _copy_reads(connection: asyncpg.Connection, seen: Ranks, devices: Sequence[UUID]) -> None:
    begin = datetime.now(UTC) - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / len(seen)
    for start in range(0, len(seen), _PIECE):
        rows: list[tuple[Any, ...]] = []
        for number, rank in enumerate(seen[start : start + _PIECE], start):
            text = plate_of(int(rank))
            device = devices[number % len(devices)]
            rows.append((plate_number(text), text, begin + number * step, device))
        await connection.copy_records_to_table("warm", records=rows)
