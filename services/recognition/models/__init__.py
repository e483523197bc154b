"""Our own networks' weights, and the geometry that training and the service share.

`training/` makes `detector.onnx`, `second_detector.onnx`, `reader.onnx`, `second_reader.onnx` and `states.onnx`;
MODEL_CARD.md names the data that they come from.
"""

from typing import Final

READER_WIDTH_PX: Final = 160
READER_HEIGHT_PX: Final = 64
MARGIN_ACROSS: Final = 0.06
"""Margin left and right of the plate in the reader's input, share of the plate's width."""
MARGIN_UP: Final = 0.10
"""Margin above and below the plate, share of its height."""
NAMES_WIDTH_PX: Final = 192
NAMES_HEIGHT_PX: Final = 80
"""Height of the state reader's input: a plate's upper edge, where most have the state's name, over its lower
edge, each half as high as that."""
NAMES_PLATE_PX: Final = 112
"""Height of the whole plate, margins included, that the edges are cut from."""
NAMES_MARGIN_ACROSS: Final = 0.04
NAMES_MARGIN_UP: Final = 0.12
"""As above, for the state reader."""
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Characters in the order of the reader's classes 1 to 36; class 0 is CTC's blank."""
