"""Documents lead to one another, and what is written from the code is as the code has it."""

import re
from pathlib import Path

import pytest

from deploy import metrics
from tests.architecture.source import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAPERS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "var" for part in path.relative_to(ROOT).parts)
)


def broken(path: Path) -> list[str]:
    """The relative links of a document that lead to no file."""
    targets = [target.partition("#")[0] for target in LINK.findall(path.read_text())]
    return [
        target
        for target in targets
        if target and "://" not in target and not (path.parent / target).exists()
    ]


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert not broken(path)


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[there](page.md#part), [web](https://example.org), [gone](gone.md)")
    assert broken(page) == ["gone.md"]


def test_the_table_of_metrics_is_the_codes():
    assert metrics.PAGE.read_text() == metrics.text(), "run `make metrics`"
    assert metrics.text().count("| `alpr_") >= 25


def test_every_decision_is_in_the_index_with_its_title_and_date():
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    decisions = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert len(decisions) >= 40
    for path in decisions:
        title = re.sub(r"^# \d{4}:? ?", "", path.read_text().split("\n")[0])
        row = (
            rf"\| \[{path.name[:4]}\]\({path.name}\) \| {re.escape(title)} \| \d{{4}}-\d\d-\d\d \|"
        )
        assert re.search(row, index), (
            f"docs/adr/README.md has no row of {path.name}, or another title"
        )


def test_every_document_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs").iterdir():
        name = path.name + ("/" if path.is_dir() else "")
        assert path.name == "README.md" or f"[{name}](" in index, path.name
