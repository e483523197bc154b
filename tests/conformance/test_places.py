"""The lines by which a change of a module is noticed."""

import pytest

from tests.conformance.places import changed_lines

BEFORE = """\
LIMIT = 5

class Gate:
    width = 2

    def open(self, count):
        "Opens."
        if count > LIMIT:
            self.width = count
            return None
        for each in range(
            count
        ):
            try:
                self.step(each)
            except ValueError:
                return each
        while True:
            count -= 1
            if count:
                break
        return count

@decorated
def shut(gate):
    def later():
        return gate
    return later
"""


def lines(find: str, replace: str) -> set[int]:
    assert BEFORE.count(find) == 1
    return set(changed_lines(BEFORE, BEFORE.replace(find, replace)))


@pytest.mark.parametrize(
    ("find", "replace", "expected"),
    [
        ("count > LIMIT", "count > 9", {8}),  # a condition: every run that reaches it
        ("            return None", "            return 0", {10}),
        ("            self.width = count\n", "", {9}),  # the removed line was run
        ("return None", "return None or 0", {10}),
        ("range(\n            count\n        )", "range(7)", {11, 12, 13}),
        ("                return each", "                return 7", {17}),
        ("except ValueError", "except KeyError", {14, 15, 16, 17}),
        ("        return gate", "        return not gate", {27}),
        ("    return later", "    return None", {28}),
    ],
)
def test_a_change_in_a_function_is_covered_by_its_statements(find, replace, expected):
    assert lines(find, replace) == expected


def test_an_inserted_line_is_covered_by_the_lines_around_it():
    assert lines("        return count", "        self.step(0)\n        return count") == {
        *range(18, 22),
        22,
    }


def test_a_statement_at_the_end_of_a_block_is_covered_by_the_one_before():
    assert lines("return None", "return None\n            pass") == {10}


def test_a_statement_without_instructions_is_covered_by_all_lines_of_its_function():
    assert lines('"Opens."', '"Shuts."') == set(range(7, 23))


def test_a_changed_local_name_is_covered_by_all_lines_of_its_function():
    assert lines("self.width = count", "LIMIT = count") == set(range(7, 23))


def test_a_function_that_becomes_a_generator_is_covered_by_all_its_lines():
    assert lines("                return each", "                yield each") == set(range(7, 23))


@pytest.mark.parametrize(
    ("find", "replace"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("    width = 2", "    width = 3"),
        ("def open(self, count)", "def open(self, count=1)"),
        ("@decorated\n", ""),
        ("class Gate:", "class Gate(Wall):"),
        ("\n@decorated", "\nopened = Gate()\n\n@decorated"),
    ],
)
def test_a_change_outside_of_bodies_has_no_lines(find, replace):
    assert lines(find, replace) == set()
