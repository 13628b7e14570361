"""What the tests share: small economies, their histories, and a checkpoint of a short training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from macro_mesa import MacroModel, Parameters
from macro_mesa.schedule import MONTH, Decision

SIZES = [(10, 3, 2), (100, 20, 5), (400, 80, 5)]
CONTRACT_COLUMNS = [
    "month", "gdp", "price_level", "inflation", "unemployment", "policy_rate", "lending_rate", "deposit_rate",
    "credit", "new_loans", "consumption", "investment", "wage", "output_gap", "gini_wealth", "bankruptcies",
    "accounting_residual",
]  # fmt: skip
SHORT_TRAINING = {
    "epochs": 4, "sim_length": 8, "economies": 2, "rollout_months": 6, "validation_economies": 1, "threads": 1,
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write the golden runs anew instead of comparing")


def pytest_runtest_setup(item: pytest.Function) -> None:
    """Tell docs/reliability.py how many cases a test tries."""
    item.user_properties.append(("cases", getattr(item.function, "cases", 1)))


def sized(households: int, firms: int, banks: int) -> dict[str, int]:
    """The keywords of an economy's size."""
    return {"num_households": households, "num_firms": firms, "num_banks": banks}


SMALL = sized(*SIZES[0])


def parameters(**values: Any) -> np.ndarray:
    """The record that compiled functions take, of these settings."""
    return Parameters.create(values).as_record()


def economy(size: tuple[int, int, int] = SIZES[0], months: int = 0, rng: int = 1, **keywords: Any) -> MacroModel:
    """An economy after so many months."""
    return run(MacroModel(**sized(*size), rng=rng, **keywords), months)


def run(model: MacroModel, months: int) -> MacroModel:
    """The same economy, so many months later."""
    for _ in range(months):
        model.step()
    return model


def run_until(model: MacroModel, name: str) -> None:
    """Start a month and stop before the stage of this name."""
    model.begin_month()
    for stage in MONTH:
        if isinstance(stage, Decision):
            model.decide(stage.agent_type)
        elif stage.name == name:
            return
        else:
            stage.run(model)
    raise AssertionError(f"no stage is called {name!r}")


def history(model: MacroModel) -> pd.DataFrame:
    """A row a month, the opening first."""
    return model.datacollector.get_model_vars_dataframe()


@pytest.fixture
def one_thread():
    """torch on one thread, whatever ran before."""
    import torch  # most tests need none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policies of a training of a few updates, all four types having learned."""
    from policies.config import TrainingConfig
    from policies.trainer import Trainer

    trainer = Trainer(SMALL, TrainingConfig(**SHORT_TRAINING, staging="simultaneous"), seed=3)
    for _ in trainer.run():
        pass
    folder = tmp_path_factory.mktemp("training") / "best"
    trainer.save_best(folder)
    return folder


def check_jobs(model):
    """Every household has one job or none, and firms count the same jobs."""
    households, firms = model.households, model.firms
    at_work = households.employer_id[households.employed]
    np.testing.assert_array_equal(firms.employment, np.bincount(at_work, minlength=len(firms)))
    assert (households.employer_id[~households.employed] == -1).all()
    assert (at_work >= 0).all()
    assert firms.employment.sum() + (~households.employed).sum() == len(households)
