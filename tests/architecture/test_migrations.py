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


def forks(texts):
    """What keeps migrations from being one line: revisions that two follow, that two have, and that there are not."""
    before = Counter(said(text, "down_revision") for text in texts)
    named = Counter(said(text, "revision") for text in texts)
    followed_twice = {name or "the empty schema" for name, number in before.items() if number > 1}
    return (
        followed_twice
        | {n for n, number in named.items() if number > 1}
        | (set(before) - set(named) - {None})
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.relative_to(ROOT).parts[-3])
def test_migrations_form_one_linear_chain(folder):
    texts = [path.read_text() for path in sorted(folder.glob("*.py"))]
    assert texts, "found no migration: the walk is broken"
    assert not forks(texts)


def test_migrations_are_found():
    assert len(FOLDERS) >= 6


def migration(revision, after):
    before = f'"{after}"' if after else "None"
    return f'"""Add a column."""\n\nrevision = "{revision}"\ndown_revision = {before}\n'


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ([("0001", None), ("0002", "0001"), ("0003", "0001")], {"0001"}),
        ([("0001", None), ("0002", None)], {"the empty schema"}),
        ([("0001", None), ("0002", "0001"), ("0002", "0002")], {"0002"}),
        ([("0001", None), ("0003", "0002")], {"0002"}),
    ],
)
def test_forked_migrations_are_reported(line, found):
    assert forks([migration(*one) for one in line]) == found


def test_a_linear_chain_of_migrations_has_no_fork():
    assert not forks(
        [migration("0001", None), migration("0002", "0001"), migration("0003", "0002")]
    )


def test_a_migration_without_a_revision_is_found():
    with pytest.raises(AssertionError, match="no down_revision"):
        forks(['revision = "0001"\n'])
