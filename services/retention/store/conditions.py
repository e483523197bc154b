"""Criteria as SQL conditions with parameters. Searches, holds and releases use them."""

from typing import Any

from services.retention.domain.area import POLYGON_UNITS, edges
from services.retention.domain.criteria import Criteria
from services.retention.domain.plates import grams_of, like, numbers_of, plate_number
from services.retention.store.plate_numbers import matches
from services.retention.store.vehicle_words import COLOUR, MAKE, colour_pattern, make_pattern
from shared.core.areas import EARTH_RADIUS_M, Area, Circle, Polygon
from shared.core.matching import skeleton
from shared.core.plates import PlatePattern

_WITHIN_M = (
    f"2 * {EARTH_RADIUS_M} * asin(least(1, sqrt("
    "power(sin(radians(r.latitude - :{p}lat) / 2), 2)"
    " + cos(radians(r.latitude)) * cos(radians(:{p}lat))"
    " * power(sin(radians(r.longitude - :{p}lon) / 2), 2)))) <= :{p}radius"
)


class Conditions:
    """Conditions on `r`, a read or a capture, joined by AND; parameter names begin with a prefix."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.terms: list[str] = []
        self.parameters: dict[str, Any] = {}

    @property
    def sql(self) -> str:
        """The conditions joined by AND; TRUE without any."""
        return " AND ".join(self.terms) or "TRUE"

    def add(self, term: str, **parameters: Any) -> None:
        """Add a condition; `{p}` in it is replaced by the prefix of its parameters."""
        self.terms.append(term.format(p=self._prefix))
        self.parameters |= {f"{self._prefix}{name}": value for name, value in parameters.items()}

    def add_place_and_time(self, criteria: Criteria) -> None:
        """Add the conditions that reads and captures share: window, devices, area."""
        self.add_time(criteria)
        if criteria.device_ids:
            self.add("r.device_id = ANY(:{p}devices)", devices=list(criteria.device_ids))
        if criteria.area is not None:
            self.add_area(criteria.area)

    def add_time(self, criteria: Criteria) -> None:
        """Require the record to be captured within the window, as far as it has ends."""
        if criteria.captured_from is not None:
            self.add("r.captured_at >= :{p}from", **{"from": criteria.captured_from})
        if criteria.captured_to is not None:
            self.add("r.captured_at < :{p}to", to=criteria.captured_to)

    def add_area(self, area: Area) -> None:
        """Require the record's place to lie within an area; a record without a place never matches."""
        south, west, north, east = area.bounds
        self.add("r.latitude BETWEEN :{p}south AND :{p}north", south=south, north=north)
        self.add("r.longitude BETWEEN :{p}west AND :{p}east", west=west, east=east)
        if isinstance(area, Circle):
            self.add(_WITHIN_M, lat=area.latitude, lon=area.longitude, radius=area.radius_m)
        elif isinstance(area, Polygon):
            self.add(
                "CAST(CAST(:{p}ring AS text) AS polygon)"
                f" @> point(r.longitude * {POLYGON_UNITS:g}, r.latitude * {POLYGON_UNITS:g})",
                ring=f"({','.join(edges(area))})",
            )

    def add_read(self, criteria: Criteria) -> None:
        """Add the conditions that only reads have, except the plate."""
        if criteria.region is not None:
            # A read whose region was not determined may be of this region.
            self.add("(r.region = :{p}region OR r.region IS NULL)", region=criteria.region)
        if criteria.minimum_confidence is not None:
            self.add("r.confidence >= :{p}confidence", confidence=criteria.minimum_confidence)
        if criteria.read_ids:
            self.add("r.read_id = ANY(:{p}reads)", reads=list(criteria.read_ids))

    def add_vehicle(self, criteria: Criteria) -> None:
        """Require the vehicle's colour and make, as far as its camera reported them."""
        only = criteria.described_only
        if criteria.colour is not None:
            self._add_words(
                COLOUR, "colour", colour_pattern(criteria.colour, described_only=only), only
            )
        if criteria.make is not None:
            self._add_words(MAKE, "make", make_pattern(criteria.make, described_only=only), only)

    def _add_words(self, text: str, name: str, pattern: str, described_only: bool) -> None:
        # COALESCE of a truth value: the planner takes it for one row in two, and so keeps the plan of the other
        # conditions. The collation knows the case of A-Z alone.
        matches = f'{text} COLLATE "C" ~* :{{p}}{name}'
        self.add(f"coalesce({matches}, {not described_only})", **{name: pattern})

    def add_plate(self, pattern: PlatePattern | None) -> None:
        """Require the read's plate to match."""
        if pattern is None:
            return
        if pattern.exact:
            self.add("r.plate_id = :{p}plate", plate=plate_number(pattern.text))
            return
        plates = Conditions(self._prefix)
        plates.add_pattern(pattern)
        self.terms.append(
            f"EXISTS (SELECT FROM plates p WHERE p.plate_id = r.plate_id AND {plates.sql})"
        )
        self.parameters |= plates.parameters

    def add_plate_of_read(
        self, pattern: PlatePattern, number: str = "r.plate_id", *, other: bool = False
    ) -> None:
        """Require the read's plate to match, by its number: for a search that starts elsewhere than at the plates.

        Args:
            number: SQL of the number.
            other: require it not to match.
        """
        term, operand = matches(pattern, number)
        self.add(f"NOT {term}" if other else term, **({} if operand is None else {"like": operand}))

    def add_text(self, pattern: PlatePattern) -> None:
        """Require the text of `p`, a row of plates, to match."""
        column = "p.skeleton" if pattern.lookalike else "p.plate"
        self.add(f"{column} LIKE :{{p}}like", like=like(pattern))

    def add_pattern(self, pattern: PlatePattern) -> None:
        """Add conditions on `p`, a row of plates, that the indexes of plates serve."""
        if pattern.lookalike and pattern.whole:
            self.add("p.skeleton = :{p}skeleton", skeleton=skeleton(pattern.text))
            return
        if (numbers := numbers_of(pattern)) is not None:
            self.add(
                "p.plate_id >= :{p}first AND p.plate_id < :{p}last",
                first=numbers[0],
                last=numbers[1],
            )
            if pattern.is_prefix:
                return  # the index of numbers alone has the answer
        self.add_text(pattern)
        if codes := grams_of(pattern):
            self.add("p.grams @> CAST(:{p}grams AS smallint[])", grams=codes)


def of_reads(criteria: Criteria, prefix: str = "") -> Conditions:
    """Return the conditions that criteria put on reads."""
    conditions = Conditions(prefix)
    conditions.add_place_and_time(criteria)
    conditions.add_read(criteria)
    conditions.add_vehicle(criteria)
    conditions.add_plate(criteria.pattern)
    return conditions


def of_captures(criteria: Criteria, prefix: str = "") -> Conditions:
    """Return the conditions that criteria put on captures; the criteria must not name reads."""
    conditions = Conditions(prefix)
    conditions.add_place_and_time(criteria)
    return conditions
