"""Every service reads a plate that a person types the same way, and reads its own output again."""

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import ValidationError

from services.audit.api.fields import EntryQuery
from services.hotlist.domain.entries import EntryFault, plate_of
from services.identity.api.fields import ScopeIn
from services.release.api.fields import CriteriaIn as ReleaseCriteriaIn
from services.release.domain.scope import check_scope
from services.retention.api.fields.records import CriteriaIn as HoldCriteriaIn
from services.retention.api.fields.records import SearchQuery
from services.retention.domain.criteria import check_hold, check_search
from shared.access.purposes import Purpose
from shared.core.errors import InvalidInput, NotAuthorised
from shared.core.plates import PlatePattern, normalise_plate
from shared.core.policy import Narrowness
from shared.events import PurposeRecord
from shared.testing.reads import FOLDED

WINDOW = {
    "captured_from": datetime(2026, 5, 1, tzinfo=UTC),
    "captured_to": datetime(2026, 5, 2, tzinfo=UTC),
}
DEVICE = UUID(int=7)
REFUSED = None
RULE = Narrowness(known_characters=3, days=31)

TYPED = [
    "7AB/C*",
    "7ABC1????????",
    "ABCDEFGHIJKL?",
    "ABCDEFGHIJKL*",
    "7abc 123",
    "\uff17\uff21\uff0a",
    "ß7*",
]


def typed(count):
    """Return plates as people might type them: mostly with gaps, some of them nonsense."""
    rnd = random.Random(468)
    signs = "7ABC8O0I1zq" * 3 + "?" * 8 + "*" * 4 + " -/.·_%ßÄ\uff21\uff0a\N{BLACK HEART SUIT}"
    return TYPED + ["".join(rnd.choices(signs, k=rnd.randint(1, 16))) for _ in range(count)]


def reading(text):
    try:
        return PlatePattern.parse(text)
    except ValueError:
        return REFUSED


def plate_in(model, text, **others):
    """Return the plate as a request's model has it, or REFUSED."""
    try:
        return model(plate=text, **others).plate
    except ValidationError:
        return REFUSED


def test_every_service_accepts_the_same_patterns_in_one_normal_form():
    accepted = 0
    for text in typed(4000):
        pattern = reading(text)
        expected = pattern.text if pattern else REFUSED
        answers = {
            "release": plate_in(ReleaseCriteriaIn, text, device_ids=[DEVICE], **WINDOW),
            "search": plate_in(SearchQuery, text, **WINDOW),
            "hold": plate_in(HoldCriteriaIn, text),
            "audit": plate_in(EntryQuery, text),
        }
        assert set(answers.values()) == {expected}, (text, answers)
        accepted += pattern is not None
    assert 1000 < accepted < 3900


@pytest.mark.parametrize("text", FOLDED)
def test_a_character_that_folds_into_letters_is_refused_by_every_service_not_rewritten(text):
    answers = [
        plate_in(ReleaseCriteriaIn, text, device_ids=[DEVICE], **WINDOW),
        plate_in(SearchQuery, text, **WINDOW),
        plate_in(HoldCriteriaIn, text),
        plate_in(EntryQuery, text),
        plate_in(ScopeIn, text),
    ]
    assert answers == [REFUSED] * 5
    with pytest.raises(EntryFault):
        plate_of(text)
    with pytest.raises(ValueError, match="letters A-Z"):
        normalise_plate(text)  # the plates that ingest accepts from a device


def test_a_hot_list_accepts_the_same_patterns_with_three_known_characters():
    for text in typed(2000):
        pattern = reading(text)
        enough = pattern is not None and (pattern.whole or pattern.known_characters >= 3)
        if enough:
            assert plate_of(text) == (pattern.text, not pattern.whole)
        else:
            with pytest.raises(EntryFault):
                plate_of(text)


def test_a_purpose_accepts_only_whole_plates_and_covers_only_their_spellings():
    for text in typed(2000):
        pattern = reading(text)
        whole = pattern.text if pattern and pattern.whole else REFUSED
        assert plate_in(ScopeIn, text) == whole, text
        purpose = Purpose(PurposeRecord(kind="other"), {"plate": whole or "7ABC123"})
        if whole:
            purpose.check_scope({"plate": text})
        else:
            with pytest.raises(NotAuthorised):
                purpose.check_scope({"plate": text})


def test_retention_can_search_and_hold_all_criteria_that_release_accepts():
    accepted = 0
    for text in typed(4000):
        for devices in ([], [DEVICE]):
            try:
                criteria = ReleaseCriteriaIn(plate=text, device_ids=devices, **WINDOW).criteria()
                check_scope(criteria, RULE)
            except (ValidationError, InvalidInput):
                continue
            accepted += 1
            search = SearchQuery(plate=criteria.plate, device_ids=criteria.device_ids, **WINDOW)
            assert search.plate == criteria.plate
            check_search(search.criteria(), RULE)
            check_hold(search.criteria())
    assert accepted > 1000
