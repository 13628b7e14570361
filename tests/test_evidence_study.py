"""The study as a whole, on tiny economies: its results, its page, its command, and going on after a kill."""

import importlib.util
import json
from pathlib import Path

import pytest
from conftest import sized

import run_model
from macro_mesa import ConfigError
from macro_mesa.evidence import study
from macro_mesa.evidence.preregistered import CLAIMS, CRITERIA
from macro_mesa.evidence.study import Plan, Run, run_evidence
from macro_mesa.task_store import resumable
from policies.executors import Serial
from visualization import scorecard
from visualization.plots import save_figure

SMALL = sized(40, 8, 2)
TINY = Plan(
    burn_in=12, history_seeds=2, history_months=120, cycle_months=96, cycle_seeds=2, price_months=24, placebos=4
)  # fmt: skip
RUNS = [Run("one", "rule", "rule", SMALL), Run("two", "random", "random", SMALL)]

pytestmark = pytest.mark.slow


def generator():
    """docs/results.py as a module."""
    path = Path(__file__).parents[1] / "docs" / "results.py"
    spec = importlib.util.spec_from_file_location("docs_results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results():
    return run_evidence(RUNS, 10_000, 2, Serial(), TINY)


def test_results_have_a_verdict_and_numbers_for_every_claim(results):
    assert tuple(results["claims"]) == CLAIMS
    for criterion in CRITERIA:
        claim = results["claims"][criterion.claim]
        entry = claim["estimates"][criterion.estimate]
        assert entry["threshold"] == criterion.threshold
        assert entry["passed"] in (True, False)
        assert len(entry["by_run"]) == 2
        assert {"mean", "ci"} <= set(entry)
        assert isinstance(claim["passed"], bool)
        assert claim["placebo"]
    assert results["seeds"] == {"first": 10_000, "pairs": 2}
    json.dumps(results, allow_nan=False)


def test_neither_a_rule_that_sees_no_rates_nor_random_choices_show_transmission(results):
    assert results["claims"]["credit_channel"]["passed"] is False
    assert results["claims"]["consumption_response"]["passed"] is False


def test_the_same_seeds_give_the_same_results_in_any_order_of_execution(results):
    def backwards(function, tasks):
        return [function(task) for task in reversed(tasks)][::-1]

    assert run_evidence(RUNS, 10_000, 2, backwards, TINY) == results


def test_a_study_goes_on_where_it_was_killed(results, tmp_path):
    computed = []

    def killed(function, tasks, done=None):
        for number, task in enumerate(tasks):
            if number == 10:
                raise KeyboardInterrupt
            function(task)

    def counting(function, tasks, done=None):
        computed.extend(tasks)
        return Serial()(function, tasks, done)

    with pytest.raises(KeyboardInterrupt):
        run_evidence(RUNS, 10_000, 2, resumable(killed, tmp_path), TINY)
    assert run_evidence(RUNS, 10_000, 2, resumable(counting, tmp_path), TINY) == results
    # a history under the rule is one of the first run and a null: stored once
    assert len(computed) == len(study.Tasks(RUNS, 10_000, 2, TINY)._tasks) - 10 - 4


@pytest.mark.parametrize(
    ("runs", "pairs", "words"),
    [([], 2, "at least one training run"), (RUNS[:1] * 2, 2, "different"), (RUNS, 1, "--pairs")],
)
def test_what_cannot_be_judged_is_refused_in_words(runs, pairs, words):
    with pytest.raises(ConfigError, match=words):
        run_evidence(runs, 10_000, pairs, Serial(), TINY)


def test_the_scorecard_names_every_criterion_and_verdict(results, tmp_path):
    figure = scorecard.scorecard(results)
    texts = [text.get_text() for axes in figure.get_axes() for text in axes.texts]
    for criterion in CRITERIA:
        assert criterion.meaning in texts
    verdicts = [entry["passed"] for claim in results["claims"].values() for entry in claim["estimates"].values()]
    assert texts.count("fail") == verdicts.count(False)
    assert texts.count("pass") == verdicts.count(True)
    assert save_figure(figure, tmp_path / "scorecard.png").stat().st_size > 50_000
    assert len(scorecard.all_responses(results).get_axes()) == 10


def test_the_headline_counts_what_passed(results):
    passed = sum(claim["passed"] for claim in results["claims"].values())
    assert scorecard.headline(results).startswith(f"{passed} of 5 claims pass: 2 training runs, 2 held-out seeds")


def test_numbers_and_placebos_in_words():
    assert scorecard.number(-0.1234) == "\u22120.123"
    assert scorecard.number(None) == "\u2013"
    assert scorecard.interval([None, None]) == "\u2013"
    claim = {"placebo": {"untrained_networks": {"share_that_obeys": 0.07, "networks": 200}}}
    assert scorecard.placebo_lines(claim) == ["placebo, untrained networks: 7 % obey the Taylor principle"]


def test_the_page_is_written_from_results_alone(results, tmp_path):
    docs, run = generator(), tmp_path / "run"
    (run / "plots").mkdir(parents=True)
    (run / "results.json").write_text(json.dumps(results))
    (run / "plots" / "scorecard.png").write_bytes(b"png")
    fall = {"mean": -0.5, "ci": [-0.7, -0.3], "expected": "below zero", "passed": True, "unit": "%"}
    rise = {**fall, "mean": 0.2, "ci": [-0.1, 0.5], "passed": False, "half_gone": {"mean": 1.0, "ci": [0.5, 1.5]}}
    experiment = {
        "experiment": "monetary_shock", "pairs": 3, "runs": {"learned": 2}, "seeds": [10_500],
        "design": {"shock": "a rise", "sizes": [1, 2]}, "arms": {"learned": ["/somewhere/experiment_7/models/best"]},
        "estimates": {
            "learned": {"+100 bp": {"gdp": fall}},
            "rule": {"+100 bp": {"gdp": rise}, "share at the bound": {"baseline": {"mean": 0.1, "ci": [0.0, 0.2]}}},
        },
    }  # fmt: skip
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.json").write_text(json.dumps(experiment))
    docs.keep(run, tmp_path / "results")
    docs.keep(tmp_path / "other", tmp_path / "results")
    page = docs.page(tmp_path / "results")
    for criterion in CRITERIA:
        assert criterion.meaning in page
    failing = [e for c in results["claims"].values() for e in c["estimates"].values() if e["passed"] is False]
    assert page.split("### What fails")[1].split("###")[0].count("asked was") == len(failing)
    assert "results/evidence/scorecard.png" in page
    assert "|  | gdp (%) |" in page
    assert "| learned, +100 bp | \u22120.5 (\u22120.7 to \u22120.3) pass |" in page
    assert "| rule, +100 bp | 0.2 (\u22120.1 to 0.5) **fail**, asked: below zero |" in page
    assert "| rule, +100 bp, half gone | 1 (0.5 to 1.5) |" in page
    assert "|  | baseline |" in page  # a table of its own: no measure in common
    assert "| rule, share at the bound | 0.1 (0 to 0.2) |" in page
    assert "- shock: a rise" in page
    assert "3 pairs on held-out seeds from 10500, 2 training runs" in page
    kept = (tmp_path / "results" / "monetary_shock" / "results.json").read_text()
    assert "experiment_7" in kept
    assert "somewhere" not in kept


def test_a_page_of_nothing_is_refused_in_words(tmp_path):
    docs = generator()
    with pytest.raises(ConfigError, match="no results"):
        docs.page(tmp_path)
    with pytest.raises(ConfigError, match=r"no results\.json"):
        docs.keep(tmp_path, tmp_path / "results")


def test_the_command_writes_a_run_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "Plan", lambda: TINY)
    sizes = ["--num-households", "40", "--num-firms", "8", "--num-banks", "2", "--policy", "random", "--pairs", "2"]
    assert run_model.main(["--mode", "evidence", *sizes, "--output-dir", str(tmp_path)]) == 0
    folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
    results = json.loads((folder / "results.json").read_text())
    assert set(results["claims"]) == set(CLAIMS)
    for name in ("plots/scorecard.png", "plots/responses.png", "logs/responses.csv", "logs/moments.csv"):
        assert (folder / name).stat().st_size > 0
    assert not (folder / "tasks").exists()


def test_the_command_refuses_bad_input_in_one_line(tmp_path, capsys):
    assert run_model.main(["--mode", "evidence", "--greedy", "--output-dir", str(tmp_path)]) == 2
    assert "--greedy" in capsys.readouterr().err
    assert run_model.main(["--mode", "evidence", "--policy", "rule", "--resume", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
