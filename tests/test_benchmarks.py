"""What the benchmark makes of its measurements; it measures nothing here."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import inference  # noqa: E402
import measuring  # noqa: E402
import peer  # noqa: E402
import scaling  # noqa: E402
import sweeping  # noqa: E402

specification = importlib.util.spec_from_file_location("benchmark_command", FOLDER / "__main__.py")
command = importlib.util.module_from_spec(specification)
specification.loader.exec_module(command)


def size(milliseconds, agents=1):
    return {"agents": agents, "seconds": [milliseconds / 1e3] * 3, "build": 1.0, "gibibytes": 1.0, "residual": 1e-12}


def test_rivals_take_turns():
    order = []
    found = measuring.in_turn({name: lambda name=name: order.append(name) or 1.0 for name in "ab"}, 3)
    assert "".join(order) == "ababab"
    assert found == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.parametrize(("own", "holds"), [(0.9, True), (1.1, False)])
def test_a_slower_month_than_the_peer_s_fails(own, holds):
    rounds = {"own": [own, 9.0 * own, own], "peer": [1.0, 9.0, 1.0]}  # one round on a busy machine
    (target,) = peer.targets({"milliseconds": {"610": rounds}})
    assert target.holds is holds
    assert f"{own:.2f}" in target.measured


@pytest.mark.parametrize(("month", "holds"), [(16.1, False), (15.9, True)])
def test_learned_policies_are_judged_by_the_whole_month(month, holds):
    rounds = {"agents": 11_051, "rollout": [month], "bare rollout": [8.0], "month": [10.0], "bare": [4.0]}
    (target,) = inference.targets({"milliseconds": {"11k": rounds}})
    assert target.holds is holds
    assert target.measured.startswith("0.50")
    assert "0.40" in target.measured


def test_the_bare_networks_do_what_the_learners_do():
    trainer = measuring.untrained()
    model = inference.MacroModel(**measuring.sized(10, 2, 2), policy="random", rng=1)
    seats = {kind: [None] for kind in inference.AGENT_TYPES}
    inference.roll_out(inference.LockstepEconomies([model], trainer.learners, seats), 3)
    assert model.month == 3
    for kind, (network, _, observations, draws) in zip(
        inference.AGENT_TYPES, inference.BareNetworks(model).asked, strict=True
    ):
        own = trainer.learners[kind].network
        assert [x.shape for x in network.parameters()] == [x.shape for x in own.parameters()]
        assert observations.shape == model.populations[kind].observe().shape
        assert draws.shape == model.action_draws(kind).shape
    trainer.close()


def test_the_exponent_is_the_slope_between_the_two_sizes():
    sizes = {"10000": size(10.0), "1000000": size(10.0 * 100**1.05)}
    assert scaling.exponent(sizes) == pytest.approx(1.05)
    assert scaling.exponent({"10000": size(1.0)}) is None


def test_large_sizes_are_judged_by_seconds_memory_exponent_and_books():
    sizes = {"10000": size(10.0), "1000000": size(2500.0), "10000000": size(20_000.0)}
    sizes["10000000"]["gibibytes"] = 21.0
    holds = [target.holds for target in scaling.targets({"sizes": sizes})]
    assert holds == [False, True, False, False, True]


def test_two_workers_are_judged_by_their_gain():
    result = {"runs": 32, "months": 1, "seconds": {"1 worker": [1.6], "2 workers": [1.0]}}
    assert not sweeping.targets(result)[0].holds


def test_the_page_holds_what_was_measured_last():
    results = command.stored()
    page = command.PAGE.read_text()
    assert command.render(page, results) == page
    shown = [part for _, part, _ in command.MARKED.findall(page)]
    assert sorted(shown) == sorted([*command.PARTS, "targets"])
    for part in results:
        assert json.dumps(command.PARTS[part].targets(results[part]), default=vars)


def test_a_part_not_measured_says_so():
    assert "Not measured yet" in command.render("<!-- measured: peer -->\nold\n<!-- end -->", {})
