"""Training pictures of the plate detector: patches with plates, and scenes without any.

Deterministic by seed. A folder of dashcam frames improves them; without it, backgrounds are rendered.
"""

from training.scenes.backgrounds import Backgrounds, Split
from training.scenes.compose import compose, plateless
from training.scenes.model import DetectorSample
from training.scenes.pool import PlatePool

__all__ = ["Backgrounds", "DetectorSample", "PlatePool", "Split", "compose", "plateless"]
