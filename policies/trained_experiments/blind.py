"""Agents that learned without seeing interest rates: what is left of a response is not of their seeing them."""

from macro_mesa.experiments.ablation import ablation
from macro_mesa.experiments.interventions import RATE_COLUMNS
from macro_mesa.experiments.paired import Findings
from macro_mesa.spaces import FIRM, HOUSEHOLD
from policies.trained_experiments.design import TrainingDesign
from policies.trained_experiments.retraining import checkpoints_of, keep, retrain, retraining

BLIND = {kind: RATE_COLUMNS[kind] for kind in (HOUSEHOLD, FIRM)}
RETRAINED = "all retrained, households and firms rate-blind"


def retrain_blind(design: TrainingDesign) -> list[str]:
    """Retrain every run with its own settings, households and firms blind to interest rates; the checkpoints.

    Afresh, or with ``design.warm_start`` from the run's networks.  A checkpoint remembers what its types are blind to,
    so these are choices of policies like any other.
    """
    changes = {"blind": {kind: list(columns) for kind, columns in BLIND.items()}}
    checkpoints = checkpoints_of(design, "retraining blind agents")
    tasks = [retraining(design, checkpoint, changes, design.warm_start) for checkpoint in checkpoints]
    trained = design.execute(retrain, tasks)
    return [keep(design.models, f"run {run} blind", policies) for run, policies in enumerate(trained, start=1)]


def ablation_with_retrained(design: TrainingDesign) -> Findings:
    """The ablations with one more: all types retrained, households and firms blind throughout."""
    return ablation(design, {RETRAINED: retrain_blind(design)})
