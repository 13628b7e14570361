"""The technology against closed forms: Cobb-Douglas, Leontief's limit, marginal products and the inverse."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from macro_mesa.technology import labor_for, output

ELASTICITIES = (0.1, 0.4, 0.5, 0.999, 1.0, 1.25, 2.0)


@pytest.mark.parametrize("substitution", ELASTICITIES)
def test_at_the_opening_intensity_a_worker_makes_one_unit(substitution):
    assert output(1.0, 7.0, 7.0, 0.7, substitution) == pytest.approx(7.0)
    assert output(1.3, 7.0, 7.0, 0.7, substitution) == pytest.approx(1.3 * 7.0)


@pytest.mark.parametrize("substitution", ELASTICITIES)
def test_constant_returns_and_the_share_of_labour(substitution):
    assert output(1.0, 14.0, 6.0, 0.7, substitution) == pytest.approx(2.0 * output(1.0, 7.0, 3.0, 0.7, substitution))
    step = 1.0e-5
    more, less = (output(1.0, 7.0, 7.0 * (1.0 + sign * step), 0.7, substitution) for sign in (1.0, -1.0))
    assert math.log(more / less) / (2.0 * step) == pytest.approx(0.7, rel=1e-5)


@pytest.mark.parametrize("substitution", ELASTICITIES)
def test_the_ratio_of_inputs_answers_the_ratio_of_their_marginal_products_by_the_elasticity(substitution):
    def products_ratio(capital):
        step = 1.0e-6
        (richer, poorer), (staffed, short) = (
            [output(1.0, capital + k, 1.0 + n, 0.7, substitution) for k, n in changes]
            for changes in (((step, 0.0), (-step, 0.0)), ((0.0, step), (0.0, -step)))
        )
        return (staffed - short) / (richer - poorer)

    low, high = 0.9, 1.1
    answer = math.log(high / low) / math.log(products_ratio(high) / products_ratio(low))
    assert answer == pytest.approx(substitution, rel=1e-4)


def test_one_is_cobb_douglas_and_its_neighbours_come_close():
    expected = 1.2 * 9.0**0.3 * 5.0**0.7
    assert output(1.2, 9.0, 5.0, 0.7, 1.0) == pytest.approx(expected)
    for substitution in (0.9999, 1.0001):
        assert output(1.2, 9.0, 5.0, 0.7, substitution) == pytest.approx(expected, rel=1e-4)


def test_poor_substitutes_come_close_to_leontief():
    assert output(1.0, 2.0, 9.0, 0.7, 0.1) == pytest.approx(2.0, rel=0.2)
    assert output(1.0, 9.0, 2.0, 0.7, 0.1) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("substitution", ELASTICITIES)
@pytest.mark.parametrize("units", [0.4, 3.0, 6.5])
def test_labour_needed_is_the_inverse(substitution, units):
    needed = labor_for(units, 1.1, 5.0, 0.7, substitution)
    if math.isinf(needed):
        assert substitution < 1.0
        assert output(1.1, 5.0, 1.0e9, 0.7, substitution) < units
        return
    if needed == 0.0:
        assert substitution > 1.0
        assert output(1.1, 5.0, 0.0, 0.7, substitution) >= units
        return
    found = brentq(lambda labor: output(1.1, 5.0, labor, 0.7, substitution) - units, 1.0e-9, 1.0e6, xtol=1e-12)
    assert needed == pytest.approx(found, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("substitution", [0.4, 1.0])
def test_without_an_input_nothing_is_made(substitution):
    assert output(1.0, 5.0, 0.0, 0.7, substitution) == 0.0
    assert output(1.0, 0.0, 5.0, 0.7, substitution) == 0.0
    assert labor_for(0.0, 1.0, 5.0, 0.7, substitution) == 0.0


def test_good_substitutes_can_do_without_labour():
    assert output(1.0, 5.0, 0.0, 0.7, 2.0) == pytest.approx(5.0 * 0.3**2)
    assert labor_for(0.1, 1.0, 5.0, 0.7, 2.0) == 0.0
    assert np.isinf(labor_for(1.0, 1.0, 0.0, 0.7, 0.5))
