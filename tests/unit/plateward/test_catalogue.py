"""The command line: each command's help, what a wrong call ends with, and what an image lacks."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from plateward.__main__ import status
from plateward.catalogue import COMMANDS, PLATEWARD, Entry, command_of
from plateward.completion import VARIABLE
from plateward.rotation import ROTATE_KEY
from tests.architecture.source import ROOT

LEAVES = [[name] for name in COMMANDS if name != "rotate-key"] + [
    ["rotate-key", service] for service in ROTATE_KEY.list_commands(click.Context(ROTATE_KEY))
]


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["--help"]) == 0
    text = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name} " in text
        assert entry.help.split()[0] in text
    assert "Exit status: 0: done; 1: verified, and a fault found; 2: not finished" in text


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_a_command_prints_its_help_and_accepts_json(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: plateward {' '.join(words)}")
    assert "--json" in text
    assert "Exit status: 0: done" in text
    assert len(text.splitlines()[2].strip()) > 10, "it says what it does"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["other"], "No such command 'other'"),
        (["status", "--more"], "No such option '--more'"),
        (["bootstrap"], "Missing option '--username'"),
        (["bootstrap", "--username", "a b"], "3 to 32 letters, digits, dots"),
        (["dead-letters", "--replay", "alpr.none"], "'alpr.none' is not one of"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["migrate", "recognition"], "services with tables are identity, ingest"),
        (["demo", "--photos", "a", "--video", "b"], "--photos and --video exclude each other"),
        (["rotate-key", "console"], "No such command 'console'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_call_ends_with_2_and_names_what_is_allowed(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "words",
    [
        ["bootstrap", "--username", "a.ramirez"],
        ["release-lock", "--username", "a.ramirez", "--reason", "the chief asks"],
        ["rotate-key", "identity"],
        ["verify-audit"],
        ["dead-letters"],
        ["status"],
        ["backup", "--to", "backups", "--without-keys"],
    ],
    ids=" ".join,
)
def test_without_a_stack_a_command_reports_it_in_text_or_json(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "SERVICE"):
        monkeypatch.delenv(name, raising=False)
    where = ["--folder", str(tmp_path)]
    assert status([*words, *where]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("plateward: no stack ")
    assert str(tmp_path) in said.err
    assert status([*words, *where, "--json"]) == 2
    assert str(tmp_path) in json.loads(capsys.readouterr().err)["errors"][0]


def test_a_stack_that_cannot_start_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["serve", "--folder", str(tmp_path), "--services", "parking"]) == 2
    assert capsys.readouterr().err == "plateward: no such service: parking\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_calls_plateward(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["completion", shell]) == 0
    assert "_PLATEWARD_COMPLETE" in capsys.readouterr().out


def completed(*words: str) -> list[str]:
    """Return what a shell is offered for the last of `words`."""
    completion = BashComplete(PLATEWARD, {}, "plateward", VARIABLE)
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def test_names_and_options_are_completed() -> None:
    assert completed("ver") == [
        "verify-policy",
        "verify-audit",
        "verify-package",
        "verify-certificate",
        "verify-report",
        "verify-backup",
        "verify-export",
    ]
    assert completed("rotate-key", "a") == ["audit"]
    assert completed("verify-package", "--b") == ["--booking", "--booking-key"]


def test_every_module_of_a_command_exists() -> None:
    for name, entry in COMMANDS.items():
        for home in entry.homes:
            alone = Entry(entry.help, (home,), entry.otherwise)
            assert command_of(name, alone).name in {name, "verify"}, home


IN_IMAGE = """
import contextlib, io, json, sys
sys.path[:] = [{image!r}, *(path for path in sys.path if path != {root!r})]
from plateward.__main__ import status
for words in {calls!r}:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = status(words)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def in_image(image: Path, service: str, *calls: list[str]) -> list[tuple[int, str, str]]:
    """Run commands with what an image of one service holds; return status, output and faults of each."""
    for folder in ("plateward", "shared", f"services/{service}"):
        shutil.copytree(ROOT / folder, image / folder)
    shutil.copy(ROOT / "services/__init__.py", image / "services")
    done = subprocess.run(
        [sys.executable, "-c", IN_IMAGE.format(image=str(image), root=str(ROOT), calls=calls)],
        env={"SERVICE": service, "PORT": "9", "START_PATIENCE_S": "0"},
        cwd=image,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_an_image_has_the_commands_of_its_service_and_lists_where_the_others_are(
    tmp_path: Path,
) -> None:
    overview, own, other, migrated, state = in_image(
        tmp_path,
        "hotlist",
        ["--help"],
        ["serve", "--help"],
        ["bootstrap", "--username", "a.ramirez"],
        ["migrate"],
        ["status", "--json"],
    )
    assert (overview[0], own[0]) == (0, 0)
    assert "Run the service of this image" in own[1]
    fault = "`bootstrap` is not in this image: run it in a container of identity"
    assert other == (2, "", f"plateward: {fault}\n")
    assert migrated[0] == 2
    assert "plateward: the database does not answer" in migrated[2]
    [service] = json.loads(state[1])["services"]
    assert (state[0], service["name"], service["ready"]) == (1, "hotlist", False)


def test_an_import_error_inside_a_command_module_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_command.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Entry("Break.", ("broken_command:COMMAND",), "never")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        command_of("break", broken)


def test_the_console_script_runs_the_module() -> None:
    assert PLATEWARD.name == "plateward"
    text = (ROOT / "pyproject.toml").read_text()
    assert 'plateward = "plateward.__main__:main"' in text
