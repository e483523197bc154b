"""Which engine the settings ask for."""

from types import SimpleNamespace

import pytest

from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.own_weights import FOLDER, OWN
from services.recognition.engine.paddle import load_paddle
from services.recognition.engine.plateward import load_own
from services.recognition.service import RecognitionService
from services.recognition.settings import Settings
from services.recognition.workers.crop_reader import engine_of
from shared.core.policy import RegionChoice
from tests.architecture.source import ROOT


@pytest.mark.parametrize("model", ["ppocrv6-small", "ppocrv6-tiny", "/models/mine"])
def test_paddleocr_stays_selectable(model):
    chosen = chosen_engine(
        Settings(recognition_model=model, recognition_longest_px=960), ("europe", "us")
    )
    assert (chosen.func, chosen.args) == (load_paddle, (model,))
    assert chosen.keywords == {"packs": ("europe", "us"), "longest_px": 960}


def test_our_engine_gets_what_the_settings_say_of_it():
    chosen = chosen_engine(
        Settings(
            recognition_model=OWN,
            recognition_detector_px=480,
            recognition_detector_again_px=0,
            recognition_detector_minimum=0.3,
            recognition_legible_minimum=0.4,
            recognition_region_minimum=0.7,
            recognition_looks_below=0.6,
            recognition_keep_stacked=True,
            recognition_second_opinion_below=0.8,
            recognition_second_opinion_model="ppocrv6-tiny",
        ),
        ("us",),
    )
    assert chosen.func is load_own
    assert chosen.keywords == {
        "packs": ("us",),
        "detector_px": 480,
        "detector_again_px": 0,
        "detector_minimum": 0.3,
        "legible_minimum": 0.4,
        "region_minimum": 0.7,
        "recut_below": 0.6,
        "with_stacked": True,
        "opinion_below": 0.8,
        "opinion_model": "ppocrv6-tiny",
        "folder": FOLDER,
    }


def test_the_bars_are_those_of_the_measured_accuracy():
    """ADR-0093, ADR-0094 and ADR-0132 measure with them; a lower bar reads signs as plates, or names a wrong state."""
    settings = Settings()
    assert settings.recognition_min_confidence == 0.3
    bars = chosen_engine(settings, ("us",)).keywords
    assert bars == {
        "packs": ("us",),
        "detector_px": 800,
        "detector_again_px": 1280,
        "detector_minimum": 0.35,
        "legible_minimum": 0.99,
        "region_minimum": 0.95,
        "recut_below": 0.8,
        "with_stacked": False,
        "opinion_below": 0.0,
        "opinion_model": "ppocrv6-small",
        "folder": FOLDER,
    }


@pytest.mark.clause("468.4(c)/region-packs")
def test_the_engine_reads_by_the_packs_of_the_policy(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "services.recognition.service.chosen_engine", lambda _, packs: asked.append(packs)
    )
    policy = SimpleNamespace(regions=RegionChoice(("europe", "us")))
    runtime = SimpleNamespace(policy=policy, add=lambda _: None)
    RecognitionService.of(runtime, Settings())
    assert asked == [("europe", "us")]


def test_the_workers_are_as_the_settings_say(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "services.recognition.service.WorkerPool", lambda _, **given: asked.update(given)
    )
    runtime = SimpleNamespace(policy=SimpleNamespace(regions=RegionChoice()), add=lambda _: None)
    settings = Settings(
        recognition_workers=3,
        recognition_batch=5,
        recognition_frame_timeout_s=7,
        log_format="json",
    )
    RecognitionService.of(runtime, settings)
    assert asked == {"workers": 3, "batch": 5, "frame_timeout_s": 7, "log_format": "json"}


@pytest.mark.clause("468.4(c)/region-packs")
def test_the_program_that_reads_crops_has_the_packs_of_the_policy(tmp_path):
    text = (ROOT / "policy.toml").read_text().replace('packs = ["us"]', 'packs = ["europe"]')
    (tmp_path / "policy.toml").write_text(text)
    chosen = engine_of(Settings(policy_file=tmp_path / "policy.toml"))
    assert chosen.keywords["packs"] == ("europe",)
