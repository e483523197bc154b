"""What is read of the files that the department's own systems export."""

import pytest

from services.identity.domain import case_numbers
from services.identity.domain.case_numbers import bare, decoded, numbers_in
from shared.core.errors import InternalFault

pytestmark = pytest.mark.clause("468.4(a)/known-numbers")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Case Number,Victim\n26-001234,Ann Doe\n26-001235,Bo Roe\n", {"26001234", "26001235"}),
        ("Victim;INCIDENT-NO\r\nAnn;c26-0099\r\n", {"C260099"}),
        ("case_no\tcall_no\n26-1\tC-9\n26-2\t\n", {"261", "C9", "262"}),
        ('number\n"26-001,234"\n\n', {"26001234"}),
        ("Report Number\n", set()),
    ],
)
def test_only_columns_of_numbers_are_read(text, numbers):
    assert numbers_in(text, "export.csv") == numbers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_may_come_in_the_encodings_of_windows(encoding):
    raw = "Case number,Name\n26-001234,Muñoz\n".encode(encoding)
    assert numbers_in(decoded(raw), "export.csv") == {"26001234"}


def test_numbers_are_compared_by_their_letters_and_digits():
    assert bare(" cpd 26-001234 ") == bare("CPD-26001234") == "CPD26001234"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "export.csv: no column is headed by one of call_no, call_number, "),
        ("26-001234\n26-001235\n", "no column"),
        ("victim\nAnn Doe\n", "no column"),
        ("number\n" + "26-1\n" * 8 + "none\n", "1 of 9 lines have no number"),
        ("number\n" + "2" * 33 + "\n", "1 of 1 lines have no number"),
    ],
)
def test_a_file_that_cannot_be_what_is_meant_is_refused(text, fault):
    with pytest.raises(InternalFault, match=fault):
        numbers_in(text, "export.csv")


def test_a_file_that_is_no_table_is_refused_with_its_line():
    with pytest.raises(InternalFault, match=r"export.csv, line 2: field larger"):
        numbers_in("number\n" + "1" * 200_000 + "\n", "export.csv")


def test_a_few_lines_without_a_number_are_passed_over():
    assert len(numbers_in("number\n" + "".join(f"26-{n}\n" for n in range(9)) + "none\n", "x")) == 9


def test_too_many_numbers_are_refused(monkeypatch):
    monkeypatch.setattr(case_numbers, "MOST_NUMBERS", 2)
    assert len(numbers_in("number\n1\n2\n", "x")) == 2
    with pytest.raises(InternalFault, match="more than 2 numbers"):
        numbers_in("number\n1\n2\n3\n", "x")
