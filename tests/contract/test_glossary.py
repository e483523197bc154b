"""The glossary is a sorted table."""

from tests.architecture.source import ROOT


def test_the_glossary_is_alphabetical_and_gives_each_term_one_line():
    lines = (ROOT / "docs/glossary.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")][2:]
    assert len(rows) >= 50
    assert all(len(row) == 2 and row[1].strip() for row in rows)
    terms = [row[0].strip().lower() for row in rows]
    assert terms == sorted(set(terms))
