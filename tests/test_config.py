"""Parameters: each documented, bounded, and refused in one sentence when it cannot be used."""

import math

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError

from macro_mesa import ConfigError, Parameters

FIELDS = Parameters.model_fields
NUMBERS = [name for name, field in FIELDS.items() if field.annotation in (int, float)]

REFUSED = {
    "num_households": [0, -1, 1.5, "100", True, None, math.nan, math.inf],
    "num_firms": [0, -20, 95, [20]],
    "num_banks": [0, -5, 101, {}],
    "opening_policy_rate": [-0.01, 0.11, math.nan, "three"],
    "labor_share": [0.0, 1.0, math.inf],
    "default_hazard": [math.nan, -0.1, 1.1],
    "grace_months": [-1, 2.5],
    "bank_pricing": ["free", None, 1],
    "bankruptcy_rule": ["", "fire sale"],
    "money_anchor": [1, "yes", None],
    "shopping_quotes": [0, 17],
    "quote_noise": [0.0, -0.15],
    "resolution_trigger": [0.12, 0.5],
    "lower_bound": [0.05],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_what_cannot_be_used_is_refused_in_one_sentence(name, value):
    with pytest.raises(ConfigError) as refusal:
        Parameters.create({name: value})
    message = str(refusal.value)
    assert name in message
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_refuses_nan_infinity_and_what_is_beyond_its_bounds(name):
    bounds = [bound for bound in FIELDS[name].metadata if isinstance(bound, Ge | Gt | Le | Lt)]
    assert len(bounds) == 2, "bounded on both sides"
    beyond = {Ge: lambda b: b.ge - 1, Gt: lambda b: b.gt, Le: lambda b: b.le + 1, Lt: lambda b: b.lt}
    for value in [math.nan, math.inf, -math.inf, *(beyond[type(bound)](bound) for bound in bounds)]:
        with pytest.raises(ConfigError, match=name):
            Parameters.create({name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_every_parameter_says_what_it_is(name):
    field, extra = FIELDS[name], FIELDS[name].json_schema_extra
    assert field.description.endswith(".")
    assert all(extra[key] for key in ("unit", "source", "group"))
    Parameters.create({name: getattr(Parameters(), name)})  # the default is within its own bounds


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("num_household", "num_households"), ("Num_Firms", "num_firms"), ("bankpricing", "bank_pricing")],
)
def test_an_unknown_key_names_the_nearest(wrong, meant):
    with pytest.raises(ConfigError, match=f"unknown key '{wrong}'; did you mean .*{meant}"):
        Parameters.create({wrong: 1})


def test_an_unknown_key_like_no_other_is_refused_all_the_same():
    with pytest.raises(ConfigError, match="unknown key 'zzz'"):
        Parameters.create({"zzz": 1})


def test_bounds_are_part_of_the_message():
    with pytest.raises(ConfigError, match=r"num_firms must be .*got -3 \(allowed: >= 1 and <= 5000000\)"):
        Parameters.create({"num_firms": -3})


def test_numpy_scalars_and_whole_numbers_serve_as_numbers():
    given = {"num_households": np.int64(50), "grace_months": np.int32(2), "base_tax": np.float32(0.5), "corridor": 0}
    parameters = Parameters.create({**given, "num_firms": 10})
    assert (parameters.num_households, parameters.grace_months, parameters.base_tax) == (50, 2, 0.5)
    assert type(parameters.num_households) is int


def test_parameters_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Parameters().num_households = 3


def test_the_compiled_loops_see_the_same_numbers():
    parameters = Parameters.create({"num_households": 77, "money_anchor": False, "base_tax": 0.1234})
    record = parameters.as_record()
    numbers = {name: value for name, value in parameters.model_dump().items() if not isinstance(value, str)}
    assert set(record.dtype.names) == set(numbers)
    assert {name: record[name][0] for name in numbers} == numbers


@pytest.mark.parametrize(("households", "workers"), [(100, 94), (10, 9), (1, 1)])
def test_opening_workers(households, workers):
    sizes = {"num_households": households, "num_firms": 1, "num_banks": 1}
    assert Parameters.create(sizes).opening_workers == workers
