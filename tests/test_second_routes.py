"""Results by a second route: slow plain Python, written from the design, on random small economies.

Elsewhere: goods trade (test_markets), advantages (test_buffer), Gini, price index and statistics (test_aggregates),
Taylor coefficients (test_policy), random streams (test_random_streams), regressions (test_evidence_estimates).
"""

from fractions import Fraction

import numpy as np
import pytest
import reference
from conftest import economy, run, run_until

from macro_mesa.random_streams import Purpose


def uniform(key: int, month: int, purpose: int, agent: int, block: int = 0) -> float:
    """The first draw of a Philox block."""
    return (reference.philox(key, (agent, block, month, purpose))[0] + 0.5) / 2**32


def labor_market(
    workers: list[int], targets: list[int], offers: list[float], inflation: float, p, key: int, month: int
):
    """A month: who works where (-1 nobody), and each firm's vacancies, hires, applicants and next wage offer."""
    number, firms = len(workers), range(len(targets))
    workers = list(workers)
    for i in range(number):
        if workers[i] >= 0 and uniform(key, month, Purpose.SEPARATION, i) < p.separation_rate:
            workers[i] = -1
    first = int(uniform(key, month, Purpose.LAYOFF, 0) * number)
    for i in [*range(first, number), *range(first)]:
        if workers[i] >= 0 and workers.count(workers[i]) > targets[workers[i]]:
            workers[i] = -1
    vacancies = [max(0, targets[f] - workers.count(f)) for f in firms]
    hires, applicants = [0 for _ in firms], [0 for _ in firms]
    seekers = [i for i in range(number) if workers[i] < 0]
    queue = reference.shuffled(len(seekers), reference.Splitmix(key, month, Purpose.JOB_QUEUE, 0))
    for i in (seekers[place] for place in queue):
        for search in range(round(p.job_searches * max(10.0 * len(targets) / number, 1.0))):
            f = int(uniform(key, month, Purpose.JOB_SEARCH, i, search) * len(targets))
            applicants[f] += 1
            if hires[f] < vacancies[f]:
                hires[f] += 1
                workers[i] = f
                break
    growth = 1.0 + (p.wage_indexation * p.inflation_target + p.wage_catch_up * inflation) / 12.0
    next_offers = []
    for f in firms:
        draw = uniform(key, month, Purpose.WAGE_OFFER, f)
        step = 1.0
        if hires[f] < vacancies[f]:
            step = 1.0 + p.wage_raise * draw
        elif applicants[f] > vacancies[f]:
            step = 1.0 - p.wage_cut * draw
        next_offers.append(offers[f] * step * growth)
    return workers, vacancies, hires, applicants, next_offers


@pytest.mark.parametrize("case", range(20))
def test_the_labor_market_is_the_reference_s(case):
    rng = np.random.default_rng(case)
    households = int(rng.integers(2, 40))
    firms = int(rng.integers(1, min(8, max(2, households // 2))))
    rates = {"job_searches": int(rng.integers(1, 4)), "separation_rate": float(rng.uniform(0.0, 0.4))}
    model = economy((households, firms, 1), int(rng.integers(0, 4)), rng=case, policy="random", **rates)
    model.firms.employment_target[:] = rng.integers(1, 8, firms)
    run_until(model, "hire and fire")
    before = model.households.employer_id.tolist(), model.firms.employment_target.tolist()
    expected = labor_market(
        *before, model.firms.wage_offer.tolist(), float(model.economy["inflation"][0]), model.parameters,
        int(model.key), model.month,
    )  # fmt: skip
    model.labor_market.clear()
    found = model.firms
    assert model.households.employer_id.tolist() == expected[0]
    assert found.vacancies.tolist() == expected[1]
    assert found.hires.tolist() == expected[2]
    assert found.applicants.tolist() == expected[3]
    np.testing.assert_allclose(found.wage_offer, expected[4], rtol=1e-12)
    assert found.employment.tolist() == [expected[0].count(f) for f in range(firms)]


@pytest.mark.parametrize("case", range(5))
def test_balance_sheets_add_up_in_exact_arithmetic(case):
    """The audit's sums again in fractions, without rounding: nothing hides in the order of additions."""
    model = run(economy(rng=case, policy="random"), 12)
    households, firms, banks = model.households, model.firms, model.commercial_banks

    def exact(column) -> Fraction:
        return sum(map(Fraction, column.tolist()), Fraction())

    deposits = exact(households.deposits) + exact(firms.deposits)
    loans = exact(households.debt) + exact(firms.debt)
    bound = Fraction(1, 10**12) * deposits
    assert abs(exact(banks.deposits) - deposits) < bound
    assert abs(exact(banks.loans) - loans) < bound
    assert abs(loans + exact(banks.reserves) - deposits - exact(banks.advances) - exact(banks.equity)) < bound
    outside = exact(banks.reserves) - exact(banks.advances)
    assert abs(outside + Fraction(float(model.central_bank.equity))) < bound
    # private net financial wealth is what the treasury and central bank have put out, and nothing else
    private = deposits - loans + exact(banks.equity)
    assert abs(private - outside) < bound
    assert deposits > 0
