"""Draws things that only look like plates: boards, badges, stamps, grilles, plain rectangles."""

from collections.abc import Callable

import cv2
import numpy as np

from scenes.model import Colour, Image, Points, as_image
from training.scenes.model import Canvas
from training.scenes.pose import Pose, lay

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip
# fmt: off
WORDS = (
    "FOR SALE", "OPEN", "PARKING", "NO PARKING", "EXIT", "STOP", "SPEED LIMIT", "ONE WAY", "YIELD", "TAXI",
    "RENTALS", "BAKERY", "PHARMACY", "AUTO PARTS", "TIRES", "PIZZA", "COFFEE", "BANK", "HOTEL", "SUPERMARKET",
    "CAR WASH", "INSURANCE", "POLICE", "AMBULANCE", "SCHOOL BUS", "KEEP RIGHT", "ROAD WORK", "DETOUR",
    "HOW AM I DRIVING?", "CAUTION", "WIDE LOAD", "PLUMBING", "ELECTRIC", "ROOFING", "FLOWERS", "SALE -50%",
    "VOTE YES", "I LOVE MY DOG", "COEXIST", "BABY ON BOARD", "MY OTHER CAR", "STUDENT DRIVER",
)
BADGES = (
    "HYBRID", "TURBO", "V6", "4x4", "AWD", "LIMITED", "SPORT", "GT", "XLE", "2.0T", "TDI", "LX", "RS", "EV",
    "DIESEL", "4MATIC", "quattro", "F-150", "C200", "328i", "CR-V", "RAV4", "CIVIC", "COROLLA", "SIERRA",
    "MODEL 3", "OUTBACK", "Q5", "S 350", "1500", "ALTIMA", "CAMRY", "TAHOE",
)
CITIES = ("OAKLAND", "SALEM", "FAIRVIEW", "MADISON", "CLINTON", "RENO", "ASHLAND", "AIRPORT", "CENTRE")
SITES = ("GATE", "LOT", "CAM", "CH", "LANE", "ENTRANCE", "NORTH", "UNIT", "DASH", "CAMERA", "FRONT")
# fmt: on
INKS: tuple[tuple[Colour, Colour], ...] = (
    ((30, 30, 30), (240, 240, 240)),
    ((245, 245, 245), (70, 110, 30)),
    ((245, 245, 245), (150, 80, 20)),
    ((240, 240, 240), (40, 40, 190)),
    ((30, 30, 30), (40, 200, 240)),
    ((245, 245, 245), (35, 35, 35)),
    ((40, 40, 190), (240, 240, 240)),
    ((150, 60, 20), (240, 235, 225)),
    ((20, 20, 20), (60, 150, 240)),
)  # fmt: skip
"""Lettering and ground of a board."""

Painter = Callable[[np.random.Generator], Image]


def phone_number(rng: np.random.Generator) -> str:
    """Return a telephone number as on vans and boards, with its separators."""
    area, middle, last = int(rng.integers(200, 990)), rng.integers(200, 999), rng.integers(0, 9999)
    forms = (
        f"({area}) {middle}-{last:04d}", f"{area}-{middle}-{last:04d}", f"{area}.{middle}.{last:04d}",
        f"1-800-{middle}-{last:04d}", f"{middle}-{last:04d}",
    )  # fmt: skip
    return forms[int(rng.integers(len(forms)))]


def time_stamp(rng: np.random.Generator) -> str:
    """Return date, time and camera name as a recorder burns them in; some parts may be missing."""
    year, month, day = 2015 + int(rng.integers(13)), rng.integers(1, 13), rng.integers(1, 29)
    hour, minute, second = rng.integers(0, 24), rng.integers(0, 60), rng.integers(0, 60)
    dates = (
        f"{year}-{month:02d}-{day:02d}", f"{month:02d}/{day:02d}/{year}", f"{day:02d}.{month:02d}.{year}",
        f"{year}/{month:02d}/{day:02d}",
    )  # fmt: skip
    date = dates[int(rng.integers(len(dates)))]
    clock = f"{hour:02d}:{minute:02d}:{second:02d}"
    site = f"{rng.choice(SITES)} {rng.integers(1, 40):02d}"
    speed = f"{rng.integers(0, 80)} MPH N{rng.integers(30, 48)}.{rng.integers(1000, 9999)}"
    forms = (
        f"{date} {clock}",
        f"{date} {clock}  {site}",
        f"{site} {clock}",
        site,
        clock,
        date,
        speed,
    )
    return forms[int(rng.integers(len(forms)))]


def draw_negative(rng: np.random.Generator) -> Image:
    """Draw a flat thing that is not a plate, (h, w, 3) uint8 BGR, 16 to 160 px high."""
    return PAINTERS[int(rng.choice(len(PAINTERS), p=WEIGHTS))](rng)


def paste_negatives(canvas: Canvas, rng: np.random.Generator, count: int) -> None:
    """Lay `count` of them on free spots."""
    width, height = canvas.size
    for _ in range(count):
        picture = draw_negative(rng)
        aspect = picture.shape[0] / picture.shape[1]
        widest = min(0.6 * width, 260.0 * max(1.0, width / 640))
        across = float(np.exp(rng.uniform(np.log(14), np.log(widest))))
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        corners = Pose.draw(rng, centre, across, ease=0.6).rectangle(1.0, aspect)
        if canvas.is_free(corners):
            soften = float(rng.uniform(0.3, 1.0))
            lay(canvas.image, _lit(canvas.image, picture, corners, rng), corners, soften_px=soften)


def paste_empty_board(canvas: Canvas, rng: np.random.Generator, corners: Points) -> None:
    """Lay a plain rectangle in place of a plate, as on a car that is just sold."""
    picture = _blank(rng)
    lay(canvas.image, _lit(canvas.image, picture, corners, rng), corners, soften_px=0.7)
    canvas.reserve(corners)


def burn_stamp(image: Image, rng: np.random.Generator) -> None:
    """Burn a recorder's caption into the frame, in place, near its upper or lower edge."""
    height, width = image.shape[:2]
    words = time_stamp(rng)
    font = int(rng.choice(FONTS[:6]))
    scale = (
        float(rng.uniform(0.022, 0.055))
        * height
        / 22
        * (1.6 if font == cv2.FONT_HERSHEY_PLAIN else 1)
    )
    thickness = max(1, round(scale * float(rng.uniform(1, 2.4))))
    (wide, tall), base = cv2.getTextSize(words, font, scale, thickness)
    x = int(
        rng.choice([rng.integers(2, 14), max(2, width - wide - 8), max(2, (width - wide) // 2)])
    )
    y = (
        tall + int(rng.integers(2, 12))
        if rng.random() < 0.5
        else height - base - int(rng.integers(1, 10))
    )
    style = rng.choice(["outline", "box", "plain"])
    ink, edge = _stamp_inks(rng)
    if style == "box":
        cv2.rectangle(image, (x - 4, y - tall - 4), (x + wide + 4, y + base + 2), edge, -1)
    if style == "outline":
        cv2.putText(image, words, (x, y), font, scale, edge, thickness + 2, cv2.LINE_AA)
    cv2.putText(image, words, (x, y), font, scale, ink, thickness, cv2.LINE_AA)


def _stamp_inks(rng: np.random.Generator) -> tuple[Colour, Colour]:
    ink: Colour = ((250, 250, 250), (60, 230, 250), (40, 160, 250), (90, 240, 90), (20, 20, 20))[
        int(rng.choice(5, p=[0.6, 0.12, 0.1, 0.08, 0.1]))
    ]
    return ink, ((15, 15, 15) if sum(ink) > 200 else (240, 240, 240))


def _lit(image: Image, picture: Image, corners: Points, rng: np.random.Generator) -> Image:
    """Light the picture to a brightness that is plausible at this position."""
    middle = np.clip(corners.mean(axis=0), 0, np.array(image.shape[1::-1]) - 1).astype(int)
    x, y = middle.tolist()
    around = image[max(0, y - 20) : y + 20, max(0, x - 30) : x + 30]
    level = float(around.mean()) if around.size else 120.0
    bright = max(float(np.clip(rng.uniform(0.7, 1.7) * level + 25, 30, 250)), 30.0)
    return as_image(picture.astype(np.float32) * np.float32(bright / 235))


def _board(rng: np.random.Generator, lines: list[str]) -> Image:
    """Draw lines of text on a board, with or without a rim."""
    ink, ground = INKS[int(rng.integers(len(INKS)))]
    font, scale = int(rng.choice(FONTS)), float(rng.uniform(0.9, 1.5))
    thickness = int(rng.integers(1, 5))
    sizes = [cv2.getTextSize(line, font, scale, thickness)[0] for line in lines]
    pitch = max(tall for _, tall in sizes) + int(rng.integers(8, 26))
    pad = int(rng.integers(4, 40))
    width = max(wide for wide, _ in sizes) + 2 * pad
    board = np.empty((pitch * len(lines) + int(rng.integers(4, 30)), width, 3), np.uint8)
    board[:] = ground
    if rng.random() < 0.5:
        cv2.rectangle(board, (2, 2), (width - 3, len(board) - 3), ink, int(rng.integers(1, 4)))
    for row, (line, (wide, tall)) in enumerate(zip(lines, sizes, strict=True)):
        origin = ((width - wide) // 2, row * pitch + tall + 6)
        cv2.putText(board, line, origin, font, scale, ink, thickness, cv2.LINE_AA)
    return board


def _sign(rng: np.random.Generator) -> Image:
    words = str(rng.choice(WORDS))
    lines = words.split(" ") if rng.random() < 0.5 else [words]
    if rng.random() < 0.3:
        lines.append(str(rng.choice([15, 25, 35, 45, 65, 101, 280, 880])))
    return _board(rng, lines)


def _phone(rng: np.random.Generator) -> Image:
    lines = [phone_number(rng)]
    if rng.random() < 0.5:
        lines.insert(0, str(rng.choice(WORDS)))
    if rng.random() < 0.2:
        lines.append(f"LIC #{rng.integers(100000, 999999)}")
    return _board(rng, lines)


def _town_sign(rng: np.random.Generator) -> Image:
    """Draw a place name or road number on a board, as on European and American roads."""
    city = str(rng.choice(CITIES))
    road = f"{rng.choice(['I', 'US', 'SR', 'A', 'E', 'DN', 'HWY'])} {rng.integers(1, 700)}"
    return _board(rng, [[city], [road], [city, f"{rng.integers(1, 99)} mi"]][int(rng.integers(3))])


def _badge(rng: np.random.Generator) -> Image:
    """Draw chrome or dark letters on paint."""
    paint = float(rng.uniform(20, 225))
    letters = 215.0 if paint < 120 or rng.random() < 0.2 else 40.0
    words, font = str(rng.choice(BADGES)), int(rng.choice(FONTS[:4]))
    (wide, tall), _ = cv2.getTextSize(words, font, 1.4, 3)
    panel = np.full((tall + 14, wide + 16, 3), paint, np.uint8)
    for shift, tone in ((2, paint * 0.5), (0, letters)):
        cv2.putText(
            panel,
            words,
            (8 + shift, tall + 6 + shift),
            font,
            1.4,
            (tone, tone, tone),
            3,
            cv2.LINE_AA,
        )
    return panel


def _blank(rng: np.random.Generator) -> Image:
    """Draw a plain rectangle, sometimes with a rim, bolts or a soft shade: a plate's shape without a serial."""
    width = int(rng.integers(60, 160))
    height = int(width / rng.choice([1.2, 1.9, 2.0, 2.1, 3.0, 4.6]))
    colours = (
        (238, 238, 236),
        (225, 225, 225),
        (60, 200, 235),
        (40, 40, 42),
        (150, 150, 150),
        (180, 120, 60),
    )
    colour = np.array(colours[int(rng.choice(6, p=[0.35, 0.2, 0.15, 0.12, 0.1, 0.08]))], np.float32)
    slope = np.linspace(1, float(rng.uniform(0.6, 1.0)), height, dtype=np.float32)
    sheet = as_image(np.broadcast_to((colour * slope[:, None])[:, None], (height, width, 3)).copy())
    if rng.random() < 0.5:
        rim = int(rng.integers(20, 240))
        cv2.rectangle(
            sheet, (1, 1), (width - 2, height - 2), (rim, rim, rim), int(rng.integers(1, 5))
        )
    if rng.random() < 0.3:
        for x in (width // 4, 3 * width // 4):
            cv2.circle(sheet, (x, max(4, height // 10)), 2, (70, 70, 70), -1, cv2.LINE_AA)
    return sheet


def _slats(rng: np.random.Generator) -> Image:
    """Draw a grille, a vent, a radiator, a crossing or a fence: equal bars, upright or level."""
    width, height = int(rng.integers(60, 200)), int(rng.integers(24, 100))
    dark, bright = rng.integers(8, 90), rng.integers(70, 245)
    pitch = int(rng.integers(4, 24))
    wave = (np.arange(max(width, height)) % pitch < rng.uniform(0.25, 0.7) * pitch).astype(np.uint8)
    bars = (dark + wave * max(0, int(bright) - int(dark))).astype(np.uint8)
    flat = np.tile(bars[:width], (height, 1))
    if rng.random() < 0.5:
        flat = np.tile(bars[:height, None], (1, width))
    if rng.random() < 0.25:
        flat = np.minimum(flat, np.tile(bars[:height, None], (1, width)))
    return np.asarray(np.repeat(flat[..., None], 3, axis=2), np.uint8)


def _reflector(rng: np.random.Generator) -> Image:
    """Draw red, orange or white glass, or chevrons as on a truck's tail."""
    width, height = int(rng.integers(50, 150)), int(rng.integers(20, 60))
    picture = np.empty((height, width, 3), np.uint8)
    tones: tuple[Colour, ...] = ((35, 30, 190), (40, 130, 245), (235, 235, 235), (40, 210, 240))
    picture[:] = tones[int(rng.integers(4))]
    other = tones[int(rng.integers(4))]
    if rng.random() < 0.6:
        step = int(rng.integers(10, 30))
        for x in range(-height, width + height, 2 * step):
            stripe = [(x, height), (x + step, height), (x + step + height, 0), (x + height, 0)]
            cv2.fillPoly(picture, [np.array(stripe, np.int32)], other, cv2.LINE_AA)
    return picture


def _barcode(rng: np.random.Generator) -> Image:
    """Draw upright dark strokes of uneven width on a bright label: strokes as in writing, but no letters."""
    picture = np.full((int(rng.integers(30, 80)), 150, 3), int(rng.integers(190, 250)), np.uint8)
    x = 8
    while x < 138:
        wide = int(rng.integers(1, 8))
        picture[4:-4, x : x + wide] = int(rng.integers(10, 80))
        x += wide + int(rng.integers(2, 9))
    return picture


def _caption(rng: np.random.Generator) -> Image:
    """Draw a piece of a recorder's caption on a dark or bright strip."""
    words = time_stamp(rng)
    (wide, tall), base = cv2.getTextSize(words, FONTS[0], 1.0, 2)
    dark = bool(rng.random() < 0.7)
    strip = np.full((tall + base + 10, wide + 12, 3), 20 if dark else 235, np.uint8)
    ink = (240, 240, 240) if dark else (25, 25, 25)
    cv2.putText(strip, words, (6, tall + 5), FONTS[0], 1.0, ink, 2, cv2.LINE_AA)
    return strip


PAINTERS: tuple[Painter, ...] = (
    _sign, _phone, _town_sign, _badge, _blank, _slats, _reflector, _barcode, _caption,
)  # fmt: skip
WEIGHTS = (0.20, 0.14, 0.10, 0.14, 0.14, 0.12, 0.06, 0.04, 0.06)
