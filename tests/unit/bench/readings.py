"""Readings as an engine gives them, made up."""

from services.recognition.engine.protocol import Box, Character, PlateReading


def reading(plate: str, sure: float = 0.9, *, x: int = 100, y: int = 100) -> PlateReading:
    """Return a plate of 40 by 20 px at x, y, every character as sure."""
    corners = (
        (float(x), float(y)),
        (x + 40.0, float(y)),
        (x + 40.0, y + 20.0),
        (float(x), y + 20.0),
    )
    box = Box(x, y, 40, 20)
    characters = tuple(Character(text, sure) for text in plate)
    return PlateReading(characters, plate, corners, box, box)
