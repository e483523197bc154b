import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import loop

RECIPE = loop.Recipe(batch=4, clip=1.0, decay=0.9)


def test_the_learning_rate_rises_then_falls_to_its_final_value():
    shares = np.linspace(0, 1, 501)
    rates = np.array([loop.of_rate(share) for share in shares])
    top = int(rates.argmax())
    assert shares[top] == pytest.approx(loop.WARM_UP)
    assert rates[top] == pytest.approx(1)
    assert (np.diff(rates[: top + 1]) >= 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates.min() > 0
    assert rates[-1] == pytest.approx(loop.LAST)


class Clock:
    """A clock that advances by a fixed number of seconds at each reading."""

    def __init__(self, by_s):
        self.by_s, self.now = by_s, 0.0

    def monotonic(self):
        self.now += self.by_s
        return self.now


def fit_a_line(out, plan):
    """Learn y = 3x by the loop; return the network."""
    torch.manual_seed(plan.seed)
    net = loop.started(torch.nn.Linear(1, 1), plan)
    xs = torch.linspace(-1, 1, 20)[:, None]
    loop.run(
        net,
        torch.optim.SGD(net.parameters()),
        out,
        plan,
        RECIPE,
        batches=loop.shuffled(np.random.default_rng(plan.seed), lambda: 20, RECIPE.batch),
        loss_of=lambda at, _: (net(xs[at]) - 3 * xs[at]).square().mean(),
        validate=lambda averaged: {"slope": float(averaged.weight.detach())},
    )
    return net


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_gradients_of_a_batch_are_the_mean_over_its_shares(threads):
    torch.manual_seed(1)
    net = torch.nn.Linear(3, 1)
    xs = torch.randn(12, 3)

    def loss_of(at):
        return (net(xs[at]) - 1).square().mean()

    hands = loop.Hands(net, threads)
    loss = hands.learn([partial(loss_of, at) for at in np.array_split(np.arange(12), 4)])
    hands.close()
    whole = loss_of(np.arange(12))
    assert loss == pytest.approx(float(whole.detach()), rel=1e-5)
    whole_weight, whole_bias = torch.autograd.grad(whole, [net.weight, net.bias])
    assert torch.allclose(net.weight.grad, whole_weight, rtol=1e-4, atol=1e-6)
    assert torch.allclose(net.bias.grad, whole_bias, rtol=1e-4, atol=1e-6)


def test_each_thread_has_a_generator_of_its_own(tmp_path):
    net = torch.nn.Linear(1, 1)
    drawn = []

    def loss_of(at, rng):
        drawn.append(float(rng.random()))
        return (net.weight + net.bias).sum() * len(at)

    loop.run(
        net,
        torch.optim.SGD(net.parameters()),
        tmp_path,
        loop.Plan(steps=2, rate=0.1, report_every=2, threads=2),
        RECIPE,
        batches=iter([np.arange(4), np.arange(4)]),
        loss_of=loss_of,
        validate=lambda averaged: {},
    )
    assert len(set(drawn)) == 4


def test_an_exception_in_a_thread_is_raised():
    def loss_of():
        raise ValueError("on purpose")

    hands = loop.Hands(torch.nn.Linear(1, 1), 2)
    with pytest.raises(ValueError, match="on purpose"):
        hands.learn([loss_of])
    hands.close()


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_run_learns_logs_each_report_and_saves_the_averaged_weights(tmp_path):
    fit_a_line(tmp_path, loop.Plan(steps=250, rate=0.3, report_every=100))
    log = log_of(tmp_path)
    assert [line["step"] for line in log] == [100, 200, 250]
    assert log[0]["loss"] > log[1]["loss"] >= log[2]["loss"]
    assert log[-1]["rate"] == pytest.approx(0.3 * loop.LAST)
    assert log[-1]["slope"] == pytest.approx(3, abs=0.05)
    assert set(log[0]) == {"step", "loss", "rate", "slope", "per_s"}
    weights = torch.load(tmp_path / "last.pt", weights_only=True)
    assert float(weights["weight"]) == pytest.approx(log[-1]["slope"], abs=1e-4)


def test_the_last_log_line_has_the_mean_loss_of_its_own_steps(tmp_path):
    fit_a_line(tmp_path / "whole", loop.Plan(steps=12, rate=1e-9, report_every=12))
    fit_a_line(tmp_path / "cut", loop.Plan(steps=12, rate=1e-9, report_every=10))
    [whole], (most, rest) = log_of(tmp_path / "whole"), log_of(tmp_path / "cut")
    assert (10 * most["loss"] + 2 * rest["loss"]) / 12 == pytest.approx(whole["loss"], abs=1e-3)


def test_the_learning_rate_reaches_its_final_value_when_the_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=Clock(1.0).monotonic))
    fit_a_line(tmp_path, loop.Plan(steps=10**6, rate=0.1, report_every=10, minutes=1))
    last = log_of(tmp_path)[-1]
    assert 40 <= last["step"] <= 60
    assert last["rate"] == pytest.approx(0.1 * loop.LAST)


def test_a_run_goes_on_from_weights(tmp_path):
    net = fit_a_line(tmp_path / "one", loop.Plan(steps=200, rate=0.3, report_every=200))
    plan = loop.Plan(steps=1, rate=1e-9, report_every=1, seed=8, start=tmp_path / "one" / "last.pt")
    more = fit_a_line(tmp_path / "two", plan)
    assert float(more.weight.detach()) == pytest.approx(float(net.weight.detach()), abs=0.1)


def test_every_sample_is_used_once_an_epoch_and_new_samples_are_included():
    counts = iter((8, 12))
    batches = loop.shuffled(np.random.default_rng(1), lambda: next(counts), 4)
    first, second = [next(batches) for _ in range(2)], [next(batches) for _ in range(3)]
    assert sorted(np.concatenate(first)) == list(range(8))
    assert sorted(np.concatenate(second)) == list(range(12))
    assert all((np.diff(batch) > 0).all() for batch in (*first, *second))


def test_the_average_moves_by_its_share_and_copies_counts():
    mine, theirs = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        theirs.weight += 1
        theirs.num_batches_tracked += 7
    loop.average(mine, theirs, 0.75)
    assert mine.weight.tolist() == [1.25, 1.25]
    assert int(mine.num_batches_tracked) == 7
