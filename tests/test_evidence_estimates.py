"""Estimates, intervals and verdicts of the evidence, against closed forms and made-up claims."""

import math

import numpy as np
import pytest

from macro_mesa.evidence.estimates import across_runs, estimate, share_of_runs
from macro_mesa.evidence.preregistered import CLAIMS, CRITERIA, Criterion, holds, judge
from macro_mesa.experiments.statistics import clustered_interval, clustered_tail


def test_one_run_gives_the_normal_interval_over_seeds():
    sample = np.random.default_rng(0).normal(5.0, 2.0, (1, 400))
    found = estimate(sample)
    margin = 1.96 * sample.std() / math.sqrt(400)
    assert found["mean"] == pytest.approx(sample.mean())
    assert found["ci"] == pytest.approx([sample.mean() - margin, sample.mean() + margin], abs=0.03)


def test_runs_are_the_clusters():
    """Runs that differ widen the interval however many seeds each has: the deviation of five means by Student's t."""
    random = np.random.default_rng(1)
    levels = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    sample = levels[:, None] + random.normal(0.0, 0.1, (5, 200))
    low, high = estimate(sample)["ci"]
    margin = 2.776 * levels.std(ddof=1) / math.sqrt(5)  # t with four degrees of freedom
    assert high - low == pytest.approx(2 * margin, rel=0.25)
    naive_low, naive_high = estimate(sample.reshape(1, -1))["ci"]
    assert naive_high - naive_low < 0.3 * (high - low)


def test_intervals_of_clustered_samples_cover_as_often_as_they_say():
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(150):
        sample = random.normal(0, 1, (5, 1)) + random.normal(0, 1, (1, 12)) + random.normal(0, 1, (5, 12))
        low, high = estimate(sample)["ci"]
        hits += low <= 0.0 <= high
    assert 0.88 <= hits / 150 <= 1.0


def test_a_ratio_of_means_is_not_the_mean_of_ratios():
    sample = np.stack([np.array([[1.0, 9.0]]), np.array([[1.0, 3.0]])], axis=2)
    found = estimate(sample, lambda means: means[..., 0] / means[..., 1])
    assert found["mean"] == pytest.approx(10 / 4)
    assert found["by_run"] == pytest.approx([2.5])


def test_what_is_undefined_has_no_interval_and_passes_nothing():
    sample = np.array([[-1.0, 1.0, -1.0, 1.0]])
    found = estimate(sample, lambda means: np.where(means[..., 0] > 0.5, 1.0, np.nan))
    assert found["mean"] is None
    assert found["ci"] == [None, None]
    for test in ("interval above", "interval below", "at least", "at most"):
        assert not holds(Criterion("c", "e", test, 0.0, ""), found)


def test_series_have_the_intervals_of_their_months():
    sample = np.random.default_rng(3).normal(size=(3, 20, 4))
    low, high = clustered_interval(sample)
    for month in range(4):
        assert [low[month], high[month]] == pytest.approx(estimate(sample[:, :, month])["ci"])


def test_the_tail_is_that_of_student_s_t():
    assert clustered_tail(10_000, 2) == pytest.approx(0.025, abs=1e-4)
    assert clustered_tail(5, 60) < clustered_tail(20, 60) < 0.025
    assert clustered_tail(1, 20) == clustered_tail(20, 60)


def test_shares_and_numbers_by_run():
    assert share_of_runs([True, True, False, True, True])["mean"] == pytest.approx(0.8)
    assert across_runs([1.0, None, 3.0], "pp")["mean"] == 2.0
    assert across_runs([None], "pp")["mean"] is None


@pytest.mark.parametrize(
    ("test", "passing", "failing"),
    [
        ("interval above", {"mean": 1, "ci": [0.1, 2]}, {"mean": 1, "ci": [-0.1, 2]}),
        ("interval below", {"mean": -1, "ci": [-2, -0.1]}, {"mean": -1, "ci": [-2, 0.1]}),
        ("at least", {"mean": 0.0, "ci": [-1, 1]}, {"mean": -0.01, "ci": [-1, 1]}),
        ("at most", {"mean": 0.0, "ci": [-1, 1]}, {"mean": 0.01, "ci": [-1, 1]}),
    ],
)
def test_criteria(test, passing, failing):
    criterion = Criterion("c", "e", test, 0.0, "")
    assert holds(criterion, passing)
    assert not holds(criterion, failing)


def test_the_table_is_complete_and_names_its_sources():
    assert CLAIMS == ("taylor_rule", "credit_channel", "consumption_response", "price_stickiness", "business_cycles")
    assert len({(c.claim, c.estimate) for c in CRITERIA}) == len(CRITERIA)
    assert all(c.meaning and c.source for c in CRITERIA)


def passing(criterion: Criterion) -> dict:
    sign = 1.0 if criterion.test in ("interval above", "at least") else -1.0
    value = criterion.threshold + sign * 0.1
    return {"mean": value, "ci": [value - 0.05, value + 0.05], "by_run": [value], "unit": ""}


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: f"{c.claim}-{c.estimate}")
def test_a_claim_fails_if_any_one_of_its_criteria_does(criterion):
    estimates = {c.estimate: passing(c) for c in CRITERIA if c.claim == criterion.claim}
    estimates["extra"] = {"mean": None, "ci": [None, None], "by_run": [], "unit": ""}
    verdict = judge(criterion.claim, estimates, {})
    assert verdict["passed"] is True
    assert verdict["estimates"]["extra"]["passed"] is None
    assert verdict["estimates"][criterion.estimate]["threshold"] == criterion.threshold
    failing = {**passing(criterion)}
    failing["mean"] = 2 * criterion.threshold - failing["mean"]
    failing["ci"] = [failing["mean"] - 0.05, failing["mean"] + 0.05]
    verdict = judge(criterion.claim, {**estimates, criterion.estimate: failing}, {})
    assert verdict["passed"] is False
    assert verdict["estimates"][criterion.estimate]["passed"] is False


def test_a_claim_without_one_of_its_estimates_cannot_be_judged():
    with pytest.raises(KeyError, match="pass_through_12"):
        judge("price_stickiness", {"pass_through_1": {"mean": 0, "ci": [0, 0]}}, {})
