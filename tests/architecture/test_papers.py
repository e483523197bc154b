"""Documents link to existing files, wrap their prose, and agree with the code that they are written from.

Docstrings and comments wrap their prose, too.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import metrics
from tests.architecture.source import ROOT, modules, tree

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
URL = re.compile(r"https?://\S+")
WIDTH = 120
"""The most characters of a line of prose, URLs apart."""

CODE = ("plateward", "services", "shared", "local", "deploy", "scenes", "training", "tests")
"""Folders whose docstrings and comments the tests check."""

PRIVATE = re.compile(r"\b(nobody|somebody|anybody|everybody|whoever|told)\b", re.IGNORECASE)
"""Words of which docstrings and comments are free: they name the person, the service or the role instead."""

PAPERS = sorted(
    path
    for top in ROOT.iterdir()
    if not top.name.startswith(".") and top.name != "var"
    for path in ([top] if top.suffix == ".md" else top.rglob("*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
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
def test_every_link_in_the_documents_resolves(path):
    assert not broken(path)


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[there](page.md#part), [web](https://example.org), [gone](gone.md)")
    assert broken(page) == ["gone.md"]


def prose(text: str) -> Iterator[str]:
    """Yield the lines of a document without code blocks, tables and headings with links."""
    fenced = indented = False
    before = ""
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        indented = line.startswith("    ") and (indented or not before)
        before = line.strip()
        heading = line.startswith("#") and LINK.search(line)
        if not (fence or fenced or indented or heading or line.startswith("|")):
            yield line


def too_wide(text: str) -> list[str]:
    """The lines of prose of more than `WIDTH` characters."""
    return [line for line in prose(text) if len(URL.sub("", line)) > WIDTH]


def test_prose_is_wrapped():
    found = {str(path.relative_to(ROOT)): too_wide(path.read_text()) for path in PAPERS}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert sum(1 for path in PAPERS for _ in prose(path.read_text())) > 1_000


def test_a_wide_line_of_prose_is_found():
    wide = "word " * 30
    code = f"```\n{wide}\n```\n\n    {wide}\n    {wide}\n"
    apart = f"| {wide} |\n# {wide}[link](page.md)\nsee https://example.org/{'a' * WIDTH}\n"
    assert too_wide(code + apart) == []
    violations = [wide, f"- {wide}", f"# {wide}", f"  {wide}", f"{wide}[link](page.md)"]
    assert too_wide(code + "\n".join(["text", *violations, apart])) == violations


def wide_lines_of_code(source: str) -> list[str]:
    """The lines of a module's docstrings and comments that end past `WIDTH` characters."""
    lines = source.splitlines()
    if max(map(len, lines), default=0) <= WIDTH:  # most modules, which need no parser
        return []
    numbers: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            numbers.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    numbers.update(token.start[0] for token in tokens if token.type == tokenize.COMMENT)
    return [
        lines[number - 1]
        for number in sorted(numbers)
        if len(URL.sub("", lines[number - 1])) > WIDTH
    ]


def test_docstrings_and_comments_are_wrapped():
    paths = [path for folder in CODE for path in modules(folder)]
    assert len(paths) > 400
    found = {str(path.relative_to(ROOT)): wide_lines_of_code(path.read_text()) for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_wide_docstring_and_a_wide_comment_are_found():
    wide = "word " * 30
    fine = f'NAME = "{wide}"\n"""See https://example.org/{"a" * WIDTH}."""\n'
    assert wide_lines_of_code(fine) == []
    violations = [f'"""{wide}"""', f'    """{wide}', f"    {wide}x", f"pass  # {wide}"]
    text = (
        f'{violations[0]}\ndef f():\n{violations[1]}\n{violations[2]}\n    """\n{violations[3]}\n'
    )
    assert wide_lines_of_code(fine + text) == violations


def private_words(source: str) -> list[str]:
    """The words of `PRIVATE` in a module's docstrings and comments, code in backticks apart."""
    if not PRIVATE.search(source):  # most modules, which need no parser
        return []
    prose = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    prose += [token.string for token in tokens if token.type == tokenize.COMMENT]
    return [word for text in prose for word in PRIVATE.findall(re.sub(r"`[^`]*`", "", text))]


def test_docstrings_and_comments_name_their_subject():
    paths = [path for folder in CODE for path in modules(folder)]
    found = {str(path.relative_to(ROOT)): private_words(path.read_text()) for path in paths}
    assert {path: words for path, words in found.items() if words} == {}


def test_a_docstring_and_a_comment_without_a_subject_are_found():
    planted = '"""Somebody is told."""\nNAME = "nobody"  # whoever asks; see `nobody`\n'
    assert private_words(planted) == ["Somebody", "told", "whoever"]


def test_the_page_of_metrics_matches_the_code():
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


def missing(decision: str) -> list[str]:
    """What a decision lacks of a dated status and a list of rejected alternatives."""
    needed = {
        "date": r"^Status: accepted, \d{1,2} [A-Z][a-z]+ 20\d\d\.",
        "rejected": r"^## Rejected\n.+",
    }
    return [name for name, found in needed.items() if not re.search(found, decision, re.MULTILINE)]


def test_every_decision_has_a_date_and_rejected_alternatives():
    decisions = {path.name: path.read_text() for path in (ROOT / "docs" / "adr").glob("0*.md")}
    assert {name: missing(text) for name, text in decisions.items() if missing(text)} == {}
    assert missing("Status: accepted.\n\n## Rejected\n\n## Consequences") == ["date", "rejected"]


def named_tests(text: str) -> set[str]:
    """The tests that a document names as code."""
    return set(re.findall(r"`(test_\w+)`", text))


def defined_tests() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for path in modules("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_tests_that_documents_name_are_there():
    named = {name for path in PAPERS for name in named_tests(path.read_text())}
    assert named
    assert not named - defined_tests()


def test_a_test_that_a_document_names_is_found():
    assert named_tests("See `test_one_thing` and `test_papers.py`.") == {"test_one_thing"}


def test_every_document_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs").iterdir():
        name = path.name + ("/" if path.is_dir() else "")
        assert path.name == "README.md" or f"[{name}](" in index, path.name
