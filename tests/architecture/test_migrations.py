"""Migrations of one schema form one line: two that follow the same one would leave no service able to start."""

import re
from collections import Counter

import pytest

from tests.architecture.source import ROOT

FOLDERS = sorted(folder for folder in ROOT.glob("s*/**/migrations/versions") if folder.is_dir())


def said(text, name):
    found = re.search(rf'^{name} = (?:"(\w+)"|None)$', text, re.MULTILINE)
    assert found, f"no {name}"
    return found[1]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.relative_to(ROOT).parts[-3])
def test_migrations_follow_one_another_in_one_line(folder):
    texts = [path.read_text() for path in sorted(folder.glob("*.py"))]
    before = Counter(said(text, "down_revision") for text in texts)
    assert set(before.values()) == {1}, before
    assert len({said(text, "revision") for text in texts}) == len(texts)


def test_migrations_are_found():
    assert len(FOLDERS) >= 6
