"""The in-memory index of the lists in force, by agency.

The index stores only the id and plate of an entry and finds candidates; the matcher reads the rest from Postgres.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from services.hotlist.domain.rating import Candidate
from shared.core.matching import Lookalikes
from shared.core.plate_index import PlateIndex, PlateMatch
from shared.events import Read


class ListIndex(PlateIndex):
    """The entries of one version of one list."""

    __slots__ = ("agency_ori", "list_id", "snapshot_id", "version")

    def __init__(
        self,
        list_id: UUID,
        agency_ori: str,
        snapshot_id: UUID,
        version: int,
        lookalikes: Lookalikes,
    ) -> None:
        super().__init__(lookalikes)
        self.list_id = list_id
        self.agency_ori = agency_ori
        self.snapshot_id = snapshot_id
        self.version = version


class Index:
    """All lists in force. Changes happen only between awaits, so a batch of reads sees one state."""

    def __init__(self, lookalikes: Lookalikes) -> None:
        """`lookalikes` are those of every list's index."""
        self.lookalikes = lookalikes
        self._lists: dict[UUID, ListIndex] = {}
        self._by_agency: dict[str, tuple[ListIndex, ...]] = {}

    def get(self, list_id: UUID) -> ListIndex | None:
        """Return the index of a list that is in force."""
        return self._lists.get(list_id)

    @property
    def lists(self) -> Iterable[ListIndex]:
        """The lists in force."""
        return self._lists.values()

    def put(self, index: ListIndex) -> None:
        """Replace a list's version with this one, or add the list."""
        self._lists[index.list_id] = index
        self._arrange()

    def drop(self, list_id: UUID) -> None:
        """Remove a list, if it is present."""
        self._lists.pop(list_id, None)
        self._arrange()

    def _arrange(self) -> None:
        """Group lists by the agency that owns them; they match reads of its cameras only."""
        by_agency: dict[str, list[ListIndex]] = {}
        for index in self._lists.values():
            by_agency.setdefault(index.agency_ori, []).append(index)
        self._by_agency = {ori: tuple(indexes) for ori, indexes in by_agency.items()}

    def candidates(
        self, reads: Sequence[Read], *, minimum_confidence: float, most_differences: int
    ) -> list[Candidate]:
        """Return the reads that resemble an entry. The hot loop: a read that does not costs about 0.5 µs."""
        by_agency, fold = self._by_agency, self.lookalikes.fold
        nothing: tuple[ListIndex, ...] = ()
        found: list[Candidate] = []
        for read in reads:
            if read.confidence < minimum_confidence:
                continue
            folded = fold(read.plate)
            for index in by_agency.get(read.agency_ori, nothing):
                if alike := index.find(read.plate, folded, most_differences):
                    found += _nominate(read, index, alike)
        return found


def _nominate(read: Read, index: ListIndex, alike: Iterable[PlateMatch]) -> Iterator[Candidate]:
    for entry_id, differing in alike:
        yield Candidate(
            read=read, list_id=index.list_id, entry_id=entry_id, differences=tuple(differing)
        )
