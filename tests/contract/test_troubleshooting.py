"""What docs/troubleshooting.md quotes is in the code: codes of problems, and messages."""

from deploy.roles import ROOT
from tests.contract.messages import absent, quoted

PAGE = ROOT / "docs" / "troubleshooting.md"


def test_each_message_that_troubleshooting_quotes_is_in_the_code():
    page = PAGE.read_text()
    assert len(quoted(page)) > 70
    assert absent(page) == []


def test_a_message_or_code_that_is_not_there_is_found():
    rows = "| you see | do |\n|---|---|\n| `port … is taken; pick one` | x |\n| `no_such_code`, `nothing_named` | y |\n"
    assert absent(rows) == ["port … is taken; pick one", "no_such_code"]
