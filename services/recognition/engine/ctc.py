"""CTC decoding: the most probable text, its probability, the alternatives, and the position of each character.

CTC gives every text a probability, and those of all texts add up to 1 (Graves et al. 2006). The forward
algorithm therefore computes the probability of a whole plate exactly, instead of estimating it from the
peaks. Texts are tuples of classes; class 0 is the blank.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLANK: Final = 0
ROUNDS: Final = 6
"""The most rounds of edits that the search runs."""
BEAM: Final = 3
"""How many of the most probable texts are edited."""
WORTH_EDITING: Final = 0.01
"""Probability above which the search edits a text that is not the best one."""
NEGLIGIBLE: Final = 1e-5
"""Probability up to which a text of one cut is dropped, unless it is the best one."""
NOTICED: Final = 1e-3
"""Probability at a step from which the search tries a class in a position or a gap."""
QUIET: Final = 3e-4
"""Probability of all characters together up to which a step is one of blanks."""
TRIED: Final = 4
"""Classes tried in each position and in each gap, the most probable ones."""

Classes = tuple[int, ...]
Steps = NDArray[np.float64]
"""(T, C) float64: the probability of each class at each step; rows add up to 1."""


class Place(NamedTuple):
    """One character of a text and the steps that it covers."""

    label: int
    start: int
    stop: int

    @property
    def middle(self) -> float:
        """The middle of its steps."""
        return (self.start + self.stop) / 2


Reduced = Callable[[Sequence[Place]], Classes]
"""The characters of a text that count."""
Prior = Callable[[Classes], float]
"""How many times more often a text, as reduced, occurs than the network's training data assumed."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The most probable text."""

    places: tuple[Place, ...]
    probability: float
    """Probability of the whole text."""
    certainty: tuple[float, ...]
    """For each character, its probability if all others are as decoded, so a doubt stays with the character
    that it concerns. Doubt that no single edit explains is spread over all characters."""
    others: tuple[tuple[Classes, float], ...]
    """Other texts with their probabilities, the most probable first."""
    rivals: tuple[Mapping[int, float], ...] = ()
    """For each character, the other classes that were tried in its place, with their probabilities if all other
    characters are as decoded."""
    seen: Classes = ()
    """The most probable text by the steps alone, without a prior."""

    @property
    def text(self) -> Classes:
        """The classes in reading order."""
        return labels(self.places)


class _Edit(NamedTuple):
    """A text one edit away, and the characters of the original that are in doubt if it is right."""

    places: tuple[Place, ...]
    doubts: tuple[int, ...]
    text: Classes


_Known = dict[Classes, tuple[tuple[Place, ...], float]]
Searched = tuple[_Known, dict[Classes, list[_Edit]]]
"""Texts with their places and probabilities, and the edits of the most probable ones."""


def tempered(log_probabilities: NDArray[np.float32], temperature: float) -> Steps:
    """Return probabilities at a temperature: above 1 they are less sure, below 1 surer.

    Args:
        log_probabilities: (T, C).
        temperature: divides the logarithms; over 0.

    Returns: (T, C) float64, each row normalised.
    """
    cooled = log_probabilities.astype(np.float64) / temperature
    cooled -= cooled.max(axis=1, keepdims=True)
    weights = np.exp(cooled)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def best_path(steps: Steps) -> tuple[Place, ...]:
    """Return the text of the best class at each step, with repeats merged and blanks dropped."""
    best = steps.argmax(axis=1)
    edges = [0, *(np.flatnonzero(np.diff(best)) + 1), len(best)]
    return tuple(
        Place(int(best[start]), int(start), int(stop))
        for start, stop in pairwise(edges)
        if best[start] != BLANK
    )


def labels(places: Sequence[Place]) -> Classes:
    """Return the text as classes, without positions."""
    return tuple(place.label for place in places)


def probabilities(steps: Steps, texts: Sequence[Classes]) -> NDArray[np.float64]:
    """Return the probability of each text, summed over all its alignments to the steps.

    Exact to within `QUIET`; see `_shortened`.

    Args:
        steps: (T, C), T at least 1.
        texts: any number, of any length, the empty text included.

    Returns: (len(texts),) float64; 0 for a text that does not fit into T steps.
    """
    steps = _shortened(steps)
    lengths = np.array([len(text) for text in texts], np.intp)
    states = _with_blanks(texts)
    leaps = np.zeros(states.shape)
    leaps[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])
    seen = steps[:, states]
    seen_after_leap = seen * leaps
    padded = np.zeros((len(states) + 2, len(texts)))
    forward, one_before, two_before = padded[2:], padded[1:-1], padded[:-2]
    forward[:2] = seen[0, :2]
    for now, after_leap in zip(seen[1:], seen_after_leap[1:], strict=True):
        leapt = two_before * after_leap
        forward[:] = (forward + one_before) * now
        forward += leapt
    columns = np.arange(len(texts))
    ends_on_label = np.where(lengths > 0, forward[np.maximum(2 * lengths - 1, 0), columns], 0.0)
    return np.asarray(forward[2 * lengths, columns] + ends_on_label, np.float64)


def _shortened(steps: Steps) -> Steps:
    """Leave out steps among others at which a blank is all but certain; their share is on the first step.

    More than half of a plate's steps are such.
    """
    quiet = steps[:, BLANK] > 1 - QUIET
    inner = np.zeros(len(steps), np.bool_)
    inner[1:-1] = quiet[:-2] & quiet[1:-1] & quiet[2:]
    short = steps[~inner]
    short[0] *= steps[inner, BLANK].prod()
    return short


def _with_blanks(texts: Sequence[Classes]) -> NDArray[np.intp]:
    """(S, K) states, a column for each text: a blank before, between and after its characters. Blanks pad shorter
    texts; they lie after a text's end and never lead back."""
    states = np.full((2 * max(map(len, texts), default=0) + 1, len(texts)), BLANK, np.intp)
    for column, text in zip(states.T, texts, strict=True):
        column[1 : 2 * len(text) : 2] = text
    return states


def decode(
    cuts: Sequence[Steps],
    most: int = 2,
    prior: Prior | None = None,
    reduced: Reduced = labels,
    found: Searched | None = None,
) -> Decoded:
    """Return the most probable text and the next most probable ones.

    With several cuts of the same plate, a text's probability is the mean over the cuts.

    Args:
        cuts: one or more of (T, C), T at least 1.
        most: the most other texts to return.
        prior: weighs the texts by Bayes' rule with evidence from elsewhere. It ranks texts that the steps
            make probable, and adds none.
        reduced: texts that it reduces to the same one are one text, as probable as all of them together; the
            places are those of the most probable among them.
        found: what `searched` found in the first cut, if that is known.
    """
    known, edits = searched(cuts[0]) if found is None else found
    if len(cuts) > 1:
        known, edits = _together(cuts, [(known, edits), *map(_read_off, cuts[1:])])
    seen = max(known, key=lambda one: known[one][1])
    known = {one: its for one, its in known.items() if its[1] > NEGLIGIBLE or one == seen}
    whole = {one: reduced(places) for one, (places, _) in known.items()}
    if prior is not None:
        known = _weighed(known, whole, prior)
    odds: dict[Classes, float] = defaultdict(float)
    for one, (_, its) in known.items():
        odds[whole[one]] += its
    text = max(known, key=lambda one: (odds[whole[one]], known[one][1]))
    (places, own), best = known[text], odds[whole[text]]
    doubt = np.zeros(len(places))
    for other, doubted in _doubts(text, edits.get(text, ())).items():
        if other in known and whole[other] != whole[text]:
            doubt[sorted(doubted)] += known[other][1] / len(doubted)
    rivals = _rivals(text, known)
    others = [(other, its) for other, its in odds.items() if other != whole[text] and its > 0]
    return Decoded(
        places=places,
        probability=best,
        certainty=_shared(own / np.maximum(own + doubt, 1e-300), best),
        others=tuple(sorted(others, key=lambda one: -one[1])[:most]),
        rivals=tuple(
            {label: its / (own + max(unsure, sum(found.values()))) for label, its in found.items()}
            for found, unsure in zip(rivals, doubt.tolist(), strict=True)
        ),
        seen=seen,
    )


def _rivals(text: Classes, known: _Known) -> list[dict[int, float]]:
    """Return, for each character of a text, the classes and probabilities of known texts that differ there alone."""
    rivals: list[dict[int, float]] = [{} for _ in text]
    for other, (_, odds) in known.items():
        if len(other) != len(text):
            continue
        apart = [i for i, (one, its) in enumerate(zip(text, other, strict=True)) if one != its]
        if len(apart) == 1:
            rivals[apart[0]][other[apart[0]]] = odds
    return rivals


def _weighed(known: _Known, whole: Mapping[Classes, Classes], prior: Prior) -> _Known:
    """Multiply probabilities by the prior of what the texts reduce to, and normalise them, texts that were not found
    included."""
    weights = {text: odds * prior(whole[text]) for text, (_, odds) in known.items()}
    rest = max(0.0, 1 - sum(odds for _, odds in known.values()))
    total = max(sum(weights.values()) + rest, 1e-300)
    return {text: (places, weights[text] / total) for text, (places, _) in known.items()}


def _together(cuts: Sequence[Steps], found_in: Sequence[Searched]) -> Searched:
    """Merge the texts of several cuts; each gets the mean of its probabilities in all of them."""
    found: dict[Classes, tuple[Place, ...]] = {}
    edits: dict[Classes, list[_Edit]] = {}
    for known, edited in found_in:
        best = max(known, key=lambda one: known[one][1])
        for text, (places, odds) in known.items():
            if odds > NEGLIGIBLE or text == best:
                found.setdefault(text, places)
        for text, some in edited.items():
            edits.setdefault(text, []).extend(some)
    texts = list(found)
    odds = np.mean([probabilities(steps, texts) for steps in cuts], axis=0)
    known = {
        text: (found[text], float(probability))
        for text, probability in zip(texts, odds, strict=True)
    }
    return known, edits


def _shared(certainty: NDArray[np.float64], whole: float) -> tuple[float, ...]:
    """Lower certainties by one factor until their product is at most the whole text's probability."""
    if len(certainty) == 0:
        return ()
    excess = whole / max(float(certainty.prod()), 1e-300)
    return tuple(float(one) for one in certainty * min(1.0, excess) ** (1 / len(certainty)))


def searched(steps: Steps) -> Searched:
    """Search one cut: texts with their places and probabilities, and the edits of the most probable ones.

    The search starts from the best path and tries edits of the most probable texts so far, until the ranking
    stops changing. An edit substitutes, drops or inserts one character.
    """
    first = best_path(steps)
    text = labels(first)
    edits = {text: list(_edits(steps, first))}
    beside = {edit.text: edit.places for edit in edits[text] if edit.text != text}
    known = _rated(steps, {text: first} | beside)
    for _ in range(ROUNDS - 1):
        ranked = sorted(known, key=lambda one: -known[one][1])
        worth = ranked[:1] + [one for one in ranked[1:BEAM] if known[one][1] > WORTH_EDITING]
        chosen = [one for one in worth if one not in edits]
        if not chosen:
            break
        edits |= {one: list(_edits(steps, known[one][0])) for one in chosen}
        new = {
            edit.text: edit.places
            for one in chosen
            for edit in edits[one]
            if edit.text not in known
        }
        known |= _rated(steps, new)
    return known, edits


def _rated(steps: Steps, texts: Mapping[Classes, tuple[Place, ...]]) -> _Known:
    """Return texts with their places and probabilities."""
    found = zip(texts.items(), probabilities(steps, list(texts)), strict=True)
    return {text: (places, float(odds)) for (text, places), odds in found}


def _read_off(steps: Steps) -> Searched:
    """Return only the best path of a further cut, to add to the texts that the first cut found."""
    places = best_path(steps)
    return {labels(places): (places, 1.0)}, {}


def _doubts(text: Classes, edits: Sequence[_Edit]) -> dict[Classes, set[int]]:
    """Map each text one edit away to the characters that it puts in doubt: all that the edit may touch."""
    doubts: dict[Classes, set[int]] = {}
    for edit in edits:
        if edit.text != text and edit.doubts:
            doubts.setdefault(edit.text, set()).update(edit.doubts)
    return doubts


def _edits(steps: Steps, places: tuple[Place, ...]) -> Iterator[_Edit]:
    gaps, text = list(_gaps(steps, places)), labels(places)
    for i, place in enumerate(places):
        before, after, left, right = places[:i], places[i + 1 :], text[:i], text[i + 1 :]
        yield _Edit((*before, *after), (i,), left + right)
        around = slice((gaps[i][0] + gaps[i][1]) // 2, (gaps[i + 1][0] + gaps[i + 1][1] + 1) // 2)
        for label in _likely(steps[min(around.start, place.start) : max(around.stop, place.stop)]):
            other = Place(label, place.start, place.stop)
            yield _Edit((*before, other, *after), (i,), (*left, label, *right))
        if place.stop - place.start > 2:  # room for a character, a blank and the character again
            yield _Edit((*before, place, place, *after), (i,), (*left, place.label, *text[i:]))
    for i, (start, stop) in enumerate(gaps):
        beside = tuple(j for j in (i - 1, i) if 0 <= j < len(places))
        for label in _likely(steps[start:stop]):
            at = start + int(steps[start:stop, label].argmax())
            there = Place(label, at, at + 1)
            yield _Edit((*places[:i], there, *places[i:]), beside, (*text[:i], label, *text[i:]))


def _gaps(steps: Steps, places: tuple[Place, ...]) -> Iterator[tuple[int, int]]:
    """Steps before, between and after the characters."""
    stops = [0, *(place.stop for place in places)]
    starts = [*(place.start for place in places), len(steps)]
    yield from zip(stops, starts, strict=True)


def _likely(steps: Steps) -> list[int]:
    """The classes that are probable enough at some of these steps to be tried."""
    if len(steps) == 0:
        return []
    highest = steps.max(axis=0)
    highest[BLANK] = 0.0
    noticed: list[int] = np.flatnonzero(highest >= NOTICED).tolist()
    return sorted(noticed, key=lambda label: -highest[label])[: TRIED + 1]
