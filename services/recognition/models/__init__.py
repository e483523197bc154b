"""Our own networks' weights, and the geometry that training and the service share.

`detector.onnx`, `reader.onnx` and `states.onnx` are made by `training/`; MODEL_CARD.md says from what.
"""

from typing import Final

READER_WIDTH_PX: Final = 160
READER_HEIGHT_PX: Final = 64
MARGIN_ACROSS: Final = 0.06
"""Of the plate's width, left and right of it, in what the reader sees."""
MARGIN_UP: Final = 0.10
"""Of the plate's height, above and below it."""
NAMES_WIDTH_PX: Final = 192
NAMES_HEIGHT_PX: Final = 80
"""What the reader of states' names sees: a plate's upper edge, where most have it, over its lower
edge, each half as high as that."""
NAMES_PLATE_PX: Final = 112
"""Height of the whole plate, margins included, of which those are cut."""
NAMES_MARGIN_ACROSS: Final = 0.04
NAMES_MARGIN_UP: Final = 0.12
"""As above."""
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Characters in the order of the reader's classes 1 to 36; class 0 is CTC's blank."""
