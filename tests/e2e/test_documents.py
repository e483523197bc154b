"""What runs the commands of documents notices each way in which they may be wrong."""

import pytest

from tests.e2e.documents import NotAsWritten, blocks, run

FINE = """# Page
```
never run
```
```sh
WORD=hello
```
Between.

```sh
echo "$WORD" 17
```
```text
hello …
```
```json
{"not": "run"}
```
"""


def write(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    return page


def ran(tmp_path, text):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return run(
        [write(tmp_path, text)], folder=tmp_path, scratch=scratch, environment={"PATH": "/usr/bin:/bin"}, within_s=20
    )  # fmt: skip


def test_blocks_are_the_shell_ones_with_what_they_print(tmp_path):
    first, second = blocks(write(tmp_path, FINE))
    assert (first.place, first.commands, first.printed) == ("page.md:6", "WORD=hello\n", None)
    assert (second.place, second.printed) == ("page.md:11", "hello …\n")


def test_they_run_in_one_shell(tmp_path):
    assert ran(tmp_path, FINE) == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (FINE.replace("17", "; false"), "page.md:11"),
        (FINE.replace("hello …", "goodbye …"), "page.md:11"),
        (FINE.replace("WORD=", "curl -s http://127.0.0.1:9/ | WORD="), "page.md:6"),
        (FINE.replace("WORD=", "echo $UNSET; WORD="), "page.md:6"),
    ],
    ids=["a command fails", "it prints something else", "a pipe fails", "a variable is not set"],
)
def test_a_command_that_is_wrong_is_named_with_its_line(tmp_path, text, place):
    with pytest.raises(NotAsWritten, match=place):
        ran(tmp_path, text)
