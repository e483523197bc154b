"""Pages are readable by day and by night: contrast by WCAG 2.2, and labelled fields."""

import re
from pathlib import Path

import pytest

import services.console

FOLDER = Path(services.console.__file__).parent
CSS = (FOLDER / "static" / "console.css").read_text()
DAY, NIGHT = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
TEXT = [
    ("text", "ground"), ("text", "raised"), ("faint", "ground"), ("faint", "raised"),
    ("link", "ground"), ("link", "raised"), ("on-act", "act"), ("on-alarm", "alarm"),
    ("on-warn", "warn"), ("good", "raised"), ("on-mark", "mark"),
]  # fmt: skip
EDGES = [("line", "ground"), ("alarm", "raised"), ("link", "ground")]


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, 1.4.3)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    "file", sorted((FOLDER / "templates").iterdir()), ids=lambda file: file.name
)
def test_the_landmarks_of_a_page_have_names_of_their_own(file):
    """A section and the scrolling table in it are landmarks both; a reader tells them apart by their names."""
    landmarks = re.findall(
        r'<(?:section|nav|div class="scroll")[^>]*aria-label(?:ledby)?="([^"{]+)"', file.read_text()
    )
    assert sorted(set(landmarks)) == sorted(landmarks)


@pytest.mark.parametrize("scheme", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("pair", TEXT, ids=" on ".join)
def test_text_colours_have_sufficient_contrast(scheme, pair):
    assert contrast(scheme[pair[0]], scheme[pair[1]]) >= 4.5


@pytest.mark.parametrize("scheme", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("pair", EDGES, ids=" on ".join)
def test_field_edges_and_focus_marks_have_sufficient_contrast(scheme, pair):
    assert contrast(scheme[pair[0]], scheme[pair[1]]) >= 3


def test_the_night_scheme_has_a_dark_background():
    assert luminance(NIGHT["ground"]) < 0.02 < luminance(NIGHT["text"])


@pytest.mark.parametrize("path", ["/sign-in", "/enrolment", "/purpose"])
async def test_every_field_has_a_label_and_its_hint_is_tied_to_it(officer, path):
    text = (await officer.open(path)).text
    fields = re.findall(r"<(?:input|select|textarea) [^>]*>", text)
    named = [field for field in fields if 'type="hidden"' not in field]
    assert named
    for field in named:
        [identity] = re.findall(r' id="([^"]+)"', field)
        assert f'<label for="{identity}">' in text
        for hint in re.findall(r'aria-describedby="([^"]+)"', field):
            assert f'id="{hint}"' in text


TEMPLATES = sorted((FOLDER / "templates").iterdir())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f.name)
def test_no_template_has_a_field_without_a_label(file):
    text = file.read_text()
    for field in re.finditer(r"<(?:input|select|textarea) [^>]*>", text):
        if 'type="hidden"' in field[0]:
            continue
        line = text[text.rfind("\n", 0, field.start()) + 1 : field.start()]
        named = re.search(r' id="([^"]+)"', field[0])
        within = line.rfind("<label>") > line.rfind("</label>")
        assert within or (named and f'<label for="{named[1]}">' in text), field[0]


def test_every_table_is_reached_by_keyboard_and_names_its_columns():
    tables = 0
    for file in TEMPLATES:
        text = file.read_text()
        tables += (here := text.count("<table>"))
        regions = re.findall(
            r'<div class="scroll" tabindex="0" role="region" aria-label(?:ledby)?="[^"]+">\n<table>',
            text,
        )
        assert len(regions) == here, file.name
        assert not re.search(r'<th(?! scope="col")[ >]', text), file.name
    assert tables >= 8


async def test_pages_name_their_language_and_their_main_part(officer):
    for path in ("/", "/policy", "/purpose"):
        text = (await officer.open(path)).text
        assert '<html lang="en">' in text
        assert text.count("<h1>") == 1
        assert '<main id="main"' in text
        assert 'href="#main"' in text
