"""Claim 1: the central bank learned a Taylor rule.

The network is queried: over the states it visited, the inputs that carry inflation, the output gap or its own rate
are moved and the change of the expected step is taken.  With di = a pi + b gap + c i + ..., the long-run response to
inflation is -a/c.  A second route is an ordered logit of the steps taken on what was seen.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tools.sm_exceptions import ConvergenceWarning, HessianInversionWarning

from macro_mesa.evidence.estimates import Function, across_runs, estimate, number_or_none, share_of_runs
from macro_mesa.evidence.preregistered import judge
from macro_mesa.policy import Policy
from macro_mesa.spaces import CENTRAL_BANK, SPACES, values

Histories = Sequence[Mapping[str, np.ndarray]]  # by seed

SPACE = SPACES[CENTRAL_BANK]
RATE_STEPS = np.array(values(CENTRAL_BANK, "rate_step"))
# what moves together: an observation that holds the same thing twice is moved in both places
INPUTS = {
    "inflation": ("inflation_3m", "inflation_12m"),
    "gap": ("output_gap",),
    "rate": ("policy_rate", "distance_to_bound"),
}
MOVE = 0.05  # in observation units, tenfold decimals: half a percentage point either way
DRAWS = (np.arange(64) + 0.5) / 64.0
STATES = 1_000  # visited states a run that the placebos are computed on
PLACEBOS = 200
LOGIT_MONTHS = 4_000
LEAVE_OUT = ("distance_to_bound",)  # equal to the rate while the bound is fixed


def expected_step(policy: Policy, observations: np.ndarray) -> np.ndarray:
    """Mean change of the rate, annual decimals (n,), that a policy chooses for observations (n, size)."""
    probabilities = getattr(policy, "probabilities", None)
    if probabilities is not None:
        return probabilities(observations)[0] @ RATE_STEPS
    draws = np.empty((len(observations), 1), dtype=np.float32)
    total = np.zeros(len(observations))
    for draw in DRAWS:  # a rule mixes steps by the draw: average over its quantiles
        draws[:] = draw
        total += RATE_STEPS[policy.act(observations, draws)[:, 0]]
    return total / len(DRAWS)


def responses(policy: Policy, observations: np.ndarray) -> np.ndarray:
    """Change of the expected step for each unit of every input in ``INPUTS``, at every state: (n, inputs)."""
    found = []
    for names in INPUTS.values():
        columns = [SPACE.column(name) for name in names]
        up, down = observations.copy(), observations.copy()
        up[:, columns] += MOVE
        down[:, columns] -= MOVE
        # inputs are tenfold the decimal they carry
        found.append((expected_step(policy, up) - expected_step(policy, down)) / (2.0 * MOVE / 10.0))
    return np.stack(found, axis=1)


def long_run(name: str) -> Function:
    """The long-run coefficient of an input as a function of mean responses (..., inputs).

    It is NaN where the rate does not revert: the policy then has no long run.
    """
    names = list(INPUTS)

    def coefficient(means: np.ndarray) -> np.ndarray:
        reversion = means[..., names.index("rate")]
        return -means[..., names.index(name)] / np.where(reversion < 0.0, reversion, np.nan)

    return coefficient


def smoothing(means: np.ndarray) -> np.ndarray:
    """Share of the rate that is carried over to the next month, from mean responses (..., inputs)."""
    return 1.0 + means[..., list(INPUTS).index("rate")]


def obeys(sample: np.ndarray) -> bool:
    """Whether responses (seeds, inputs) show the Taylor principle: inflation above 1 (interval), gap not below 0."""
    lowest = estimate(sample[None], long_run("inflation"))["ci"][0]
    return lowest is not None and lowest > 1.0 and bool(long_run("gap")(sample.mean(axis=0)) >= 0.0)


def taylor_rule(
    policies: Mapping[str, Policy], histories: Mapping[str, Histories], placebos: int = PLACEBOS
) -> dict[str, Any]:
    """The claim for the runs' central banks, and their histories by seed (``simulations.run_history``)."""
    samples = {
        run: np.stack([responses(policy, history["observations"]).mean(axis=0) for history in histories[run]])
        for run, policy in policies.items()
    }
    together = np.stack(list(samples.values()))
    logits = {run: ordered_logit(histories[run]) for run in policies}
    by_logit = [logit["phi_inflation"] for logit in logits.values()]
    estimates = {
        "runs_with_taylor_principle": share_of_runs([obeys(sample) for sample in samples.values()]),
        "phi_inflation": estimate(together, long_run("inflation"), "pp a pp"),
        "phi_gap": estimate(together, long_run("gap"), "pp a pp"),
        "smoothing": estimate(together, smoothing, "a month"),
        "phi_inflation_ordered_logit": across_runs(by_logit, "pp a pp"),
    }
    runs = {
        run: {
            "obeys": obeys(samples[run]),
            **{name: estimate(samples[run][None], long_run(name)) for name in INPUTS if name != "rate"},
            "ordered_logit": logits[run],
        }
        for run in policies
    }
    placebo = {
        "untrained_networks": untrained(histories, placebos),
        "permuted_inputs": permuted_inputs(policies, histories, placebos),
        "z_of_inflation_permuted_in_time": {
            run: ordered_logit(histories[run], permuted=True)["z_inflation"] for run in policies
        },
    }
    return judge("taylor_rule", estimates, placebo, runs=runs)


# --- second route
def ordered_logit(histories: Histories, permuted: bool = False) -> dict[str, float | None]:
    """Long-run coefficients from an ordered logit of steps on standardised observations (McKelvey and Zavoina 1975).

    ``permuted`` shuffles inflation and gap over time: their coefficients are then noise.  None where the
    central bank took one step only, follows what it sees without any noise, or lets the rate drift off.
    """
    months = LOGIT_MONTHS // len(histories)
    seen = np.concatenate([history["observations"][-months:] for history in histories]).astype(float)
    steps = np.concatenate([history["steps"][-months:] for history in histories])
    varying = seen.std(axis=0) > 1.0e-9
    kept = [k for k, entry in enumerate(SPACE.observations) if entry.name not in LEAVE_OUT and varying[k]]
    nothing: dict[str, float | None] = dict.fromkeys(("phi_inflation", "phi_gap", "z_inflation"))
    rate = SPACE.column("policy_rate")
    if len(np.unique(steps)) < 2 or rate not in kept:
        return nothing
    if permuted:
        columns = [SPACE.column(name) for name in (*INPUTS["inflation"], *INPUTS["gap"])]
        order = np.random.default_rng(0).permutation(len(seen))
        seen[:, columns] = seen[order][:, columns]
    scale = seen[:, kept].std(axis=0)
    standardised = (seen[:, kept] - seen[:, kept].mean(axis=0)) / scale
    with warnings.catch_warnings():
        # steps that the observations predict perfectly have no finite logit; that is asked for just below
        warnings.simplefilter("ignore", (ConvergenceWarning, HessianInversionWarning))
        fitted = OrderedModel(steps, standardised, distr="logit").fit(method="bfgs", disp=False, maxiter=300)
    if not fitted.mle_retvals["converged"] or fitted.normalized_cov_params is None:
        return nothing
    slopes = dict(zip(kept, fitted.params[: len(kept)] / scale, strict=True))
    covariance = np.asarray(fitted.cov_params())[: len(kept), : len(kept)] / np.outer(scale, scale)

    def total(input_name: str) -> float:
        return sum(slopes.get(SPACE.column(name), 0.0) for name in INPUTS[input_name])

    inflation = np.array([float(SPACE.observations[k].name in INPUTS["inflation"]) for k in kept])
    error = float(np.sqrt(max(inflation @ covariance @ inflation, 0.0)))
    reverts = slopes[rate] < 0.0
    return {
        "phi_inflation": number_or_none(-total("inflation") / slopes[rate]) if reverts else None,
        "phi_gap": number_or_none(-total("gap") / slopes[rate]) if reverts else None,
        "z_inflation": number_or_none(total("inflation") / error) if error > 0.0 else None,
    }


# --- placebos
class UntrainedNetwork:
    """A network as learners start with: two tanh layers of 64, orthogonal weights, an almost uniform choice.

    observations: visited states (n, size), whose mean and deviation scale its inputs.
    """

    def __init__(self, observations: np.ndarray, random: np.random.Generator) -> None:
        self._mean, self._scale = observations.mean(axis=0), np.maximum(observations.std(axis=0), 1.0e-6)
        sizes = ((SPACE.size, 64, 2**0.5), (64, 64, 2**0.5), (64, len(RATE_STEPS), 0.01))
        self._layers = [gain * _orthogonal(inputs, outputs, random) for inputs, outputs, gain in sizes]

    def probabilities(self, observations: np.ndarray) -> list[np.ndarray]:
        """Chances of the steps, one (n, choices) array."""
        hidden = (observations - self._mean) / self._scale
        for layer in self._layers[:-1]:
            hidden = np.tanh(hidden @ layer)
        weights = np.exp(hidden @ self._layers[-1])
        return [weights / weights.sum(axis=1, keepdims=True)]

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Steps by the draws, int64 (n, 1)."""
        below = self.probabilities(observations)[0].cumsum(axis=1)[:, :-1] <= draws
        return below.sum(axis=1, keepdims=True).astype(np.int64)


def _orthogonal(inputs: int, outputs: int, random: np.random.Generator) -> np.ndarray:
    """A (inputs, outputs) matrix with orthonormal rows or columns, whichever are fewer."""
    q, r = np.linalg.qr(random.normal(size=(max(inputs, outputs), min(inputs, outputs))))
    q *= np.sign(np.diag(r))
    return q if inputs >= outputs else q.T


class PermutedInputs:
    """A policy that takes each input for another one, all standardised over visited states (n, size)."""

    def __init__(self, policy: Policy, observations: np.ndarray, order: np.ndarray) -> None:
        self._policy, self._order = policy, order
        self._mean, self._scale = observations.mean(axis=0), np.maximum(observations.std(axis=0), 1.0e-6)

    def _mixed(self, observations: np.ndarray) -> np.ndarray:
        standardised = ((observations - self._mean) / self._scale)[:, self._order]
        return (self._mean + self._scale * standardised).astype(np.float32)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The policy's steps on mixed-up inputs, int64 (n, 1)."""
        return self._policy.act(self._mixed(observations), draws)

    def __getattr__(self, name: str) -> Any:
        if name != "probabilities":
            raise AttributeError(name)
        inner = self._policy.probabilities  # type: ignore[attr-defined]
        return lambda observations: inner(self._mixed(observations))


def untrained(histories: Mapping[str, Histories], number: int) -> dict[str, Any]:
    """Share of networks that learned nothing which show the Taylor principle on the first run's states."""
    samples = _thinned(next(iter(histories.values())))
    states = np.concatenate(samples)
    passed = [
        obeys(_mean_responses(UntrainedNetwork(states, np.random.default_rng([1, one])), samples))
        for one in range(number)
    ]
    return {"share_that_obeys": float(np.mean(passed)), "networks": number}


def permuted_inputs(
    policies: Mapping[str, Policy], histories: Mapping[str, Histories], number: int
) -> dict[str, Any]:
    """Share of orders of the inputs under which the learned networks show the Taylor principle."""
    passed = []
    each = max(1, number // len(policies))
    for place, (run, policy) in enumerate(policies.items()):
        samples = _thinned(histories[run])
        states = np.concatenate(samples)
        for one in range(each):
            order = np.random.default_rng([2, place, one]).permutation(SPACE.size)
            passed.append(obeys(_mean_responses(PermutedInputs(policy, states, order), samples)))
    return {"share_that_obeys": float(np.mean(passed)), "orders": len(passed)}


def _thinned(histories: Histories) -> list[np.ndarray]:
    """About ``STATES`` visited states, by seed."""
    every = max(1, sum(len(history["observations"]) for history in histories) // STATES)
    return [history["observations"][::every] for history in histories]


def _mean_responses(policy: Policy, samples: Sequence[np.ndarray]) -> np.ndarray:
    """Mean responses by seed (seeds, inputs)."""
    found = responses(policy, np.concatenate(samples))
    bounds = np.cumsum([len(sample) for sample in samples])[:-1]
    return np.stack([part.mean(axis=0) for part in np.split(found, bounds)])
