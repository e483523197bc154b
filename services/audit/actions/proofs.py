"""Proves that the log has an entry, or extends an older log, and lists the keys that verify it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.audit.domain.problem_codes import Code
from services.audit.domain.proofs import consistency_spans, inclusion_spans
from services.audit.settings import Settings
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Log
from shared.core.errors import InvalidInput, NotFound
from shared.core.merkle import Hash, Span
from shared.core.signed_notes import Verifier
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Inclusion:
    """Proof that the log's first `size` entries include entry `seq`."""

    seq: int
    size: int
    leaf_hash: Hash
    root_hash: Hash
    path: Sequence[Hash]


@dataclass(frozen=True)
class Consistency:
    """Proof that the log of `new_size` entries extends the log of `old_size`."""

    old_size: int
    new_size: int
    old_root: Hash
    new_root: Hash
    path: Sequence[Hash]


@dataclass(frozen=True)
class LogKey:
    """A key of the log and the range of checkpoint sizes that it signs."""

    key: Verifier
    first_size: int
    last_size: int | None
    """None for the current key."""


async def prove_inclusion(work: UnitOfWork, seq: int, size: int | None) -> Inclusion:
    """Prove that the log's first `size` entries (default: the newest checkpoint's) include entry `seq`.

    Raises: InvalidInput for a size beyond the log or an entry beyond the size; NotFound without a checkpoint.
    """
    log = Log(work.connection)
    size = await _size(work, log, size)
    if seq >= size:
        raise InvalidInput(Code.PROOF_ENTRY_BEYOND_SIZE, field="query.seq", seq=seq, size=size)
    [leaf] = await log.leaves(Span(seq, seq + 1))
    path = await log.proof(inclusion_spans(seq, size))
    return Inclusion(seq, size, leaf, await log.root(size), path)


async def prove_consistency(work: UnitOfWork, old_size: int, new_size: int | None) -> Consistency:
    """Prove that the log of `new_size` entries (default: the newest checkpoint's) extends the log of `old_size`.

    Raises: InvalidInput for a size beyond the log or reversed sizes; NotFound without a checkpoint.
    """
    log = Log(work.connection)
    new_size = await _size(work, log, new_size)
    if old_size > new_size:
        raise InvalidInput(Code.PROOF_SIZES_REVERSED, field="query.old_size")
    path = await log.proof(consistency_spans(old_size, new_size))
    return Consistency(old_size, new_size, await log.root(old_size), await log.root(new_size), path)


async def log_keys(work: UnitOfWork, settings: Settings) -> list[LogKey]:
    """Return the log's keys, oldest first; the settings' key if no entry has changed it."""
    changes = await KeyChanges(work.connection).all()
    first = changes[0].old if changes else settings.signers[0].verifier
    keys = [first, *(change.new for change in changes)]
    ends = [change.last_size for change in changes]
    return [
        LogKey(key, begin + 1, end)
        for key, begin, end in zip(keys, [0, *ends], [*ends, None], strict=True)
    ]


async def _size(work: UnitOfWork, log: Log, asked: int | None) -> int:
    """Return the size to prove, by default the newest checkpoint's.

    Raises: InvalidInput if the log is smaller; NotFound if no size is given and there is no checkpoint.
    """
    if asked is not None:
        if asked > await log.size():
            raise InvalidInput(Code.PROOF_SIZE_BEYOND_LOG, field="query.size")
        return asked
    latest = await Checkpoints(work.connection).latest()
    if latest is None:
        raise NotFound(Code.CHECKPOINT_NONE_FOR_PROOF)
    return latest.size
