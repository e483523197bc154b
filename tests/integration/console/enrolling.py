"""Reads the pages of an enrolment: the key of the second factor, and QR codes."""

import re

import cv2
import numpy as np

PASSWORD = "violet harbor lantern"


def key_on(page):
    """Return the key of the second factor that a page shows, in groups of four."""
    [shown] = re.findall(r'class="secret">([A-Z2-7]{4}(?: [A-Z2-7]{4})+)<', page.text)
    return shown.replace(" ", "")


def at_night(svg):
    """Draw a QR code's SVG as a dark window shows it, 8 pixels a module: only its own fills are light."""
    [side] = {int(number) for number in re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups()}
    shown = np.zeros((side, side), np.uint8)
    if f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>' in svg:
        shown[:] = 255
    [strokes] = re.findall(r'<path stroke="#000" d="([^"]+)"/>', svg)
    x = y = 0.0
    for act, numbers in re.findall(r"([Mmh])([^Mmh]+)", strokes):
        across, down = (float(n) for n in [*re.findall(r"-?[\d.]+", numbers), "0"][:2])
        if act == "h":
            shown[int(y), int(x) : int(x + across)] = 0
        x, y = (across, down) if act == "M" else (x + across, y + down)
    return cv2.resize(shown, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
