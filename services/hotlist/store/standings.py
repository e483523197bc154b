"""What changes of live hits after they were raised, in words that are compared with those that the streams had last."""
# ruff: noqa: S608 - statements are put together from names in this file and in `hits`, values are bound

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import UNANSWERED, UNFINISHED, URGENT
from services.hotlist.store.hits import BESIDE, FRESH
from services.hotlist.store.raised import CHANNEL as ALERTS_CHANNEL
from services.hotlist.store.raised import Raised

CHANNEL = "hotlist_hits"
"""The Postgres channel with a notice when a person has acknowledged, verified or disposed of a hit."""

MOST = 2000
"""The latest live hits that are compared, in some 20 ms; the page of alerts shows 200 at most."""

_WAITS = f"h.tier = '{URGENT}' AND h.status = 'unverified' AND h.result IS NULL AND f.entry_id IS NOT NULL"
"""An urgent hit of which no person has recorded anything but that they take it, while its entry is in force."""

# A doubt from before the hit was raised is on its alert already.
_PRESENT = f"""
    SELECT h.hit_id, h.standing, {_WAITS} AND a.number = 0 AND h.raised_at <= :answer_by AS unanswered,
        {_WAITS} AND coalesce(a.last_at <= :finish_by, false) AS unfinished,
        concat_ws(' ',
            CASE WHEN h.status = 'verified' THEN 'verified' END,
            CASE WHEN a.number > 0 THEN 'acknowledged:' || a.number || ':' || a.people END,
            CASE WHEN f.entry_id IS NULL THEN 'ended' END,
            CASE WHEN f.caution <> coalesce(h.entry ->> 'caution', '') THEN 'caution:' || hashtext(f.caution) END,
            CASE WHEN o.read_id IS NOT NULL THEN 'outvoted' END,
            CASE WHEN c.read_id IS NOT NULL
                THEN 'corrected:' || hashtext(concat_ws(' ', c.plate, c.region)) END,
            CASE WHEN d.at >= h.raised_at THEN 'doubted:' || d.outcome END) AS words
    FROM (SELECT * FROM hits h WHERE h.raised_at >= :fresh_since AND {FRESH} AND NOT h.late
        ORDER BY h.raised_at DESC LIMIT :most) h
    {BESIDE}
    CROSS JOIN LATERAL (SELECT count(*) AS number, max(at) AS last_at,
        hashtext(string_agg(person_id || at, ' ' ORDER BY person_id)) AS people
        FROM acknowledgements WHERE hit_id = h.hit_id) a
"""
_COMPARED = f"""
    SELECT hit_id, unanswered, standing,
        concat_ws(' ', nullif(words, ''),
            CASE WHEN unanswered THEN '{UNANSWERED}' WHEN unfinished THEN '{UNFINISHED}' END) AS present
    FROM ({_PRESENT}) p
"""
_COUNT = text(
    "SELECT count(*) FILTER (WHERE standing <> present) AS changed, count(*) FILTER (WHERE unanswered) AS unanswered"
    f" FROM ({_COMPARED}) c"
)


def _has(standing: str, word: str) -> str:
    """Return the condition that a standing has a word."""
    return f"'{word}' = ANY (string_to_array({standing}, ' '))"


def _cautions(standing: str) -> str:
    """Return the words of a standing that are reasons to doubt the hit."""
    return (
        f"ARRAY(SELECT w FROM unnest(string_to_array({standing}, ' ')) w"
        f" WHERE w NOT IN ('verified', '{UNANSWERED}', '{UNFINISHED}') AND w NOT LIKE 'acknowledged:%')"
    )


# Which changes are announced beside open pages, too. A caution concerns those who were called, and who took the alert.
_ANNOUNCED = f"""
    ('{UNANSWERED}', {_has("r.present", UNANSWERED)} AND NOT {_has("r.standing", UNANSWERED)}),
    ('{UNFINISHED}', {_has("r.present", UNFINISHED)} AND NOT {_has("r.standing", UNFINISHED)}),
    ('caution', NOT {_cautions("r.present")} <@ {_cautions("r.standing")}
        AND (r.tier = '{URGENT}' OR r.present LIKE '%acknowledged:%'))
"""
_RENEW = text(
    f"""
    WITH renewed AS (
        UPDATE hits SET standing = c.present, changed_seq = nextval(pg_get_serial_sequence('hits', 'seq'))
        FROM ({_COMPARED}) c WHERE hits.hit_id = c.hit_id AND hits.standing <> c.present
            AND hits.purged_at IS NULL
        RETURNING hits.hit_id, hits.tier, c.standing, c.present
    )
    INSERT INTO announcements (hit_id, kind, at)
    SELECT r.hit_id, a.kind, :now FROM renewed r CROSS JOIN LATERAL (VALUES {_ANNOUNCED}) a (kind, holds)
    WHERE a.holds
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How many live hits have changed since the streams last had them, and how many are unanswered."""

    changed: int
    unanswered: int


class Standings:
    """The standings of live hits. No person sees their results."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def renew(
        self, *, now: datetime, fresh_since: datetime, answer_by: datetime, finish_by: datetime
    ) -> Compared:
        """Number the live hits that have changed, so that the streams show them again; safe to repeat.

        Args:
            now: the time by which entries are in force or not.
            fresh_since: hits captured before this are no alerts any more.
            answer_by: urgent hits raised up to then, which no person has answered, are unanswered.
            finish_by: urgent hits last acknowledged up to then, and not worked since, are unfinished.
        """
        values = {
            "now": now,
            "fresh_since": fresh_since,
            "answer_by": answer_by,
            "finish_by": finish_by,
            "most": MOST,
        }
        row = (await self._connection.execute(_COUNT, values)).one()
        compared = Compared(changed=row.changed, unanswered=row.unanswered)
        if compared.changed:
            await Raised(self._connection).lock()  # numbers rise in the order of commits
            await self._connection.execute(_RENEW, values)
            await self._connection.execute(text(f"NOTIFY {ALERTS_CHANNEL}"))
        return compared

    async def announce(self) -> None:
        """Have every process compare at once, when this transaction commits."""
        await self._connection.execute(text(f"NOTIFY {CHANNEL}"))
