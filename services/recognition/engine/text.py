"""PaddleOCR's text detector and recogniser on ONNX Runtime, one thread, with character detail."""

import os
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.geometry import Quad, straighten
from services.recognition.engine.plausibility import Glyph
from services.recognition.engine.weights import CACHE, ModelPair, ModelPart, staged

BOX_MIN: Final = 0.3
"""Detector score from which a region counts; far plates score lower than print."""
BLANK: Final = 0

_ONE_THREAD: Final = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}


class PaddleText:
    """Finds lines of text in a frame and reads them, with a probability for each character."""

    def __init__(self, pair: ModelPair) -> None:
        cv2.setNumThreads(1)
        # PaddleOCR unpickles files in its cache folder, so the folder is private and deleted after loading.
        with TemporaryDirectory(prefix=CACHE) as cache:
            os.environ["PADDLE_PDX_CACHE_HOME"] = cache
            os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
            from paddleocr import TextDetection, TextRecognition  # takes 3 s: in workers only

            self._detector = _load(TextDetection, pair.detector)
            self._recogniser = _load(TextRecognition, pair.recogniser)
        # PaddleOCR averages a line's probabilities away, so this decoder replaces its own and keeps each one.
        predictor = self._recogniser.paddlex_predictor
        predictor.post_op = CharacterDecoder(predictor.post_op.character)

    def detect(self, frame: NDArray[np.uint8], longest_px: int) -> list[Quad]:
        """Return the regions of text in a frame, (4, 2) px of it each.

        Args:
            frame: (H, W, 3) uint8, BGR.
            longest_px: the frame's long side is reduced to this; smaller frames keep their size.
        """
        [found] = self._detector.predict(
            frame, limit_side_len=longest_px, limit_type="max", box_thresh=BOX_MIN
        )
        return [np.asarray(polygon, np.float32) for polygon in found["dt_polys"]]

    def read(self, frame: NDArray[np.uint8], quad: Quad) -> tuple[Glyph, ...]:
        """Return the characters of one line, left to right.

        Args:
            frame: (H, W, 3) uint8, BGR.
            quad: (4, 2) float32, px of `frame`.
        """
        line, _ = straighten(frame, quad)
        [found] = self._recogniser.predict(line)
        reach = _reach(line.shape[1] / line.shape[0])
        return tuple(
            Glyph(g.text, g.confidence, min(g.place / reach, 1.0)) for g in found["rec_text"]
        )


def _load(kind: Any, part: ModelPart) -> Any:
    with staged(part) as folder:
        return kind(
            model_name=part.name,
            model_dir=folder,
            engine="onnxruntime",
            engine_config=_ONE_THREAD,
            device="cpu",
        )


def _reach(aspect: float) -> float:
    """Share of the recogniser's input that a line fills; narrow ones are padded to 320x48."""
    return min(1.0, aspect * 48 / 320)


class CharacterDecoder:
    """CTC decoding that keeps each character's probability and place.

    Replaces paddlex's CTCLabelDecode and decodes as it does (best class per step, repeats and blanks dropped), but
    returns glyphs in place of a text.
    """

    def __init__(self, alphabet: Sequence[str]) -> None:
        self.character = list(alphabet)  # paddlex's name for it

    def __call__(
        self, predictions: Sequence[NDArray[np.float32]], **_: object
    ) -> tuple[list[list[Glyph]], list[float]]:
        """Decode a batch.

        Args:
            predictions: one array (N, T, C) float32 of probabilities; class 0 is CTC's blank.

        Returns: the glyphs of each line, `place` as a share of the padded input, and a score per line, always 0.0,
            which only PaddleOCR's own pipeline would use.
        """
        [batch] = predictions
        lines = [self._decode(steps) for steps in batch]
        return lines, [0.0] * len(lines)

    def _decode(self, steps: NDArray[np.float32]) -> list[Glyph]:
        best = steps.argmax(axis=1)
        starts = np.flatnonzero((best != BLANK) & (best != np.concatenate([[BLANK], best[:-1]])))
        return [
            Glyph(self.character[best[i]], float(steps[i, best[i]]), (i + 0.5) / len(best))
            for i in starts
        ]
