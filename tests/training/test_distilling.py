"""A student moves towards what its teachers say of plates, and they do not move."""

import numpy as np
import pytest
import torch

from training.distilling import Teachers, divergence
from training.reader_net import ReaderNet

WIDTHS = (8, 12, 16, 24, 32)
PICTURES = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (4, 64, 160, 3), np.uint8))


def net(seed):
    torch.manual_seed(seed)
    return ReaderNet(3, WIDTHS)


def said(one):
    with torch.no_grad():
        return one.eval()(PICTURES)[0].softmax(2)


def test_the_opinion_of_teachers_is_the_mean_of_their_probabilities():
    one, other = net(1), net(2)
    opinion = Teachers([one, other]).opinion(PICTURES)
    assert opinion.shape == (4, 80, 37)
    assert torch.allclose(opinion, (said(one) + said(other)) / 2, atol=0.01)
    assert not torch.allclose(opinion, said(one), atol=0.01)


def test_teachers_do_not_learn():
    one = net(1).train()
    teachers = Teachers([one])
    before = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    assert not teachers.opinion(PICTURES).requires_grad
    assert not any(parameter.requires_grad for parameter in one.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in one.state_dict().items())


def test_teachers_are_loaded_as_wide_as_their_weights(tmp_path):
    one = net(3)
    torch.save(one.state_dict(), tmp_path / "one.pt")
    opinion = Teachers.load([tmp_path / "one.pt"]).opinion(PICTURES)
    assert torch.allclose(opinion, said(one), atol=0.01)


def test_a_teacher_without_a_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Teachers.load([tmp_path / "last"])


def test_who_agrees_with_its_teachers_diverges_from_them_by_nothing():
    logits = torch.randn(2, 80, 37)
    lengths = torch.tensor([7, 5])
    assert float(divergence(logits, logits.softmax(2), lengths)) == pytest.approx(0, abs=1e-4)
    certain = torch.nn.functional.one_hot(torch.zeros(2, 80, dtype=torch.long), 37).float()
    assert torch.isfinite(divergence(logits, certain, lengths))


def test_the_divergence_is_per_character_and_of_plates_alone():
    logits = torch.zeros(2, 80, 37)
    opinion = torch.full((2, 80, 37), 1 / 37)
    opinion[:, 3] = 0
    opinion[:, 3, 5] = 1.0
    one_step = np.log(37)
    both = float(divergence(logits, opinion, torch.tensor([4, 1])))
    assert both == pytest.approx((one_step / 4 + one_step) / 2, rel=1e-4)
    one = float(divergence(logits, opinion, torch.tensor([4, 0])))
    assert one == pytest.approx(one_step / 4 / 2, rel=1e-4)


def test_a_student_moves_towards_its_teacher():
    teacher, student = net(1), net(2).train()
    opinion, lengths = Teachers([teacher]).opinion(PICTURES), torch.tensor([7, 7, 7, 7])
    optimiser = torch.optim.AdamW(student.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = divergence(student(PICTURES)[0], opinion, lengths)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
