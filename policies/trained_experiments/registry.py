"""The experiments that train, by name; what they import loads torch, so they are imported when they run."""

from macro_mesa.experiments.paired import Findings
from macro_mesa.experiments.registry import EXPERIMENTS, Experiment
from policies.trained_experiments.design import TrainingDesign


def best_response(design: TrainingDesign) -> Findings:
    """What one agent of each type can gain by another policy."""
    from policies.trained_experiments import best_response

    return best_response.best_response(design)


def lucas(design: TrainingDesign) -> Findings:
    """Central banks against private agents frozen, and retrained under each of them."""
    from policies.trained_experiments import lucas

    return lucas.lucas(design)


def ablation(design: TrainingDesign) -> Findings:
    """The ablations; with ``epochs``, of households and firms retrained blind as well."""
    if "epochs" not in design.training:
        return EXPERIMENTS["ablation"].run(design)
    from policies.trained_experiments import blind

    return blind.ablation_with_retrained(design)


TRAINED_EXPERIMENTS = {
    "best_response": Experiment(best_response, 12),  # type: ignore[arg-type]
    "lucas": Experiment(lucas, 12),  # type: ignore[arg-type]
    "ablation": Experiment(ablation, EXPERIMENTS["ablation"].least_months),  # type: ignore[arg-type]
}
