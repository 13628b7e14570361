"""Macro Mesa from the command line: train, evaluate, simulate, experiment, sweep, calibrate, evidence.

``python run_model.py --help`` lists the flags; installed, ``macro-mesa`` takes the same, and ``macro-mesa dashboard``
opens the page.  Exit codes: 0; 2 with one line ``error: ...`` on bad input;
130 after Ctrl-C, with everything saved.  The last line on stdout is the path of the folder written.
"""

import os

# one thread for numpy's matrix products: the arrays are small and the other core has its own work
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from macro_mesa import __version__
from macro_mesa.config import ConfigError, Parameters
from macro_mesa.experiments import calibration, sweep_results
from macro_mesa.experiments.evaluation import FIRST_HELD_OUT_SEED, Episode, evaluate, run_episode
from macro_mesa.experiments.health import checks
from macro_mesa.experiments.monetary_shock import rate_rise
from macro_mesa.experiments.paired import Design
from macro_mesa.experiments.registry import EXPERIMENTS
from macro_mesa.experiments.scenario import SECTIONS, read_scenario, study_settings
from macro_mesa.experiments.sweep import SETTINGS, read_sweep, run_sweep, unfinished
from macro_mesa.policy import make_policies
from macro_mesa.run_folder import RunFolder, command_again, write_json, write_text
from macro_mesa.task_store import resumable
from policies.executors import ENGINES, executor
from policies.trained_experiments.design import TrainingDesign
from policies.trained_experiments.registry import TRAINED_EXPERIMENTS

ALL_EXPERIMENTS = {**EXPERIMENTS, **TRAINED_EXPERIMENTS}
HELD_OUT_PAIRS = 24
LEARNED = "pretrained"  # what simulate shows unless told otherwise
FINISHED_TASKS = "tasks"  # results of an experiment under way, in its run folder


class Parser(argparse.ArgumentParser):
    """argparse with errors in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(message)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; raises ``ConfigError``."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)  # type: ignore[union-attr]
    parser.add_argument("--version", action="version", version=f"macro-mesa {__version__}")
    parser.add_argument("--mode", choices=tuple(MODES), default="simulate", help="what to do (default: simulate)")
    parser.add_argument("--epochs", type=int, help="training updates (train: default 500; experiments that train: 60)")
    parser.add_argument("--sim-length", type=int, help="months of an episode (default 120)")
    parser.add_argument("--num-households", type=int, help="households (default 100)")
    parser.add_argument("--num-firms", type=int, help="firms (default 20)")
    parser.add_argument("--num-banks", type=int, help="commercial banks (default 5)")
    parser.add_argument("--output-dir", type=Path, default=Path("experiments"), help="where run folders go")
    parser.add_argument("--model-path", type=Path, nargs="+", metavar="RUN", default=[],
                        help="a checkpoint or run folder (eval, simulate), or several runs (experiment, evidence)")
    parser.add_argument("--policy", help="policy of all agents (default: simulate pretrained, experiment learned)")
    parser.add_argument("--experiment", choices=tuple(ALL_EXPERIMENTS), help="which one (experiment)")
    parser.add_argument("--pairs", type=int, default=60, help="held-out seeds (experiment, evidence; default 60)")
    parser.add_argument("--episodes", type=int, default=20, help="held-out seeds of an evaluation (default 20)")
    parser.add_argument("--held-out-seed", type=int, default=FIRST_HELD_OUT_SEED, help="first of them")
    parser.add_argument("--greedy", action="store_true", help="evaluate the most probable actions (eval, simulate)")
    parser.add_argument("--shock", action="append", default=[], metavar="KEY=VALUE,...", help="a dated shock")
    parser.add_argument("--seed", type=int, default=0, help="seed of the run (default 0)")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml",
                        help=f"sections {', '.join(SECTIONS)}; or the keys of a sweep or calibration")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, repeatable")
    parser.add_argument("--warm-start", action="store_true", help="retrain from the run's networks (ablation)")
    parser.add_argument("--workers", type=int, default=1, help="processes that train and evaluate (default 1)")
    parser.add_argument("--engine", choices=ENGINES, default="process", help="where workers run (default process)")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with a run's folder")
    options = parser.parse_args(arguments)
    for name, least in (("workers", 1), ("episodes", 1), ("pairs", 1), ("seed", 0), ("held_out_seed", 0)):
        if getattr(options, name) < least:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} must be a whole number >= {least}, got {getattr(options, name)}")
    return options


def configuration(options: argparse.Namespace) -> dict[str, Any]:
    """Settings by section: the file, then ``--set``, then the flags."""
    flags = {("model", name): getattr(options, name) for name in ("num_households", "num_firms", "num_banks")}
    flags |= {("training", name): getattr(options, name) for name in ("epochs", "sim_length")}
    settings = read_scenario(options.config, options.set, options.shock, flags)
    if options.policy:
        settings["policy"] = options.policy
    make_policies(settings.get("policy", LEARNED), Parameters.create(settings["model"]))
    if settings["ppo"] or set(settings["training"]) - {"epochs", "sim_length"}:
        # refused in every mode, not only where they are used; loads torch, so only when there is something to check
        from policies.config import ppo_configs, training_config

        training_config(settings["training"])
        ppo_configs(settings["ppo"], settings["model"])
    return settings


# --- train
def train(options: argparse.Namespace) -> Path:
    """Train all agent types, then evaluate the best policies on held-out seeds."""
    from policies.config import ppo_configs, training_config
    from policies.trainer import Trainer
    from policies.trainer import train as run_training
    from policies.training_log import TrainingLog, read_updates
    from visualization.progress import TrainingProgress

    if options.resume:
        path = _existing(options.resume, "--resume")
        trainer = Trainer.load(path / "models" / "last", options.epochs, _training_workers(options))
        updates = read_updates(path / "logs" / "train_stats.json", trainer.update)
        folder = RunFolder(path)
    else:
        settings = configuration(options)
        config = training_config(settings["training"])
        trainer = Trainer(
            settings["model"], config, ppo_configs(settings["ppo"], settings["model"]), options.seed,
            settings["shocks"], _training_workers(options),
        )  # fmt: skip
        folder = RunFolder.create(options.output_dir, options.seed)
        seeds = {"run": options.seed, "held_out_from": options.held_out_seed}
        resolved = {
            "model": trainer.plan.economy_parameters.model_dump(),
            "training": config.model_dump(mode="json"),
            "ppo": {kind: ppo.model_dump(mode="json") for kind, ppo in trainer.ppo.items()},
            "shocks": settings["shocks"],
        }
        folder.describe(sys.argv, seeds, resolved)
        updates = []
    log = TrainingLog(folder, trainer, updates)
    try:
        with TrainingProgress(trainer.config.epochs, trainer.update) as progress:
            run_training(trainer, folder.models, [log, progress])
    except KeyboardInterrupt:
        print(f"stopped after update {trainer.update}; go on with --mode train --resume {folder.path}", file=sys.stderr)
        raise
    finally:
        log.close()
        trainer.close()
    plan = trainer.plan
    report(folder, folder.models / "best", plan.parameters, trainer.config.sim_length, plan.shocks, options)
    return folder.path


def _training_workers(options: argparse.Namespace) -> int:
    """Processes of this machine that train, the command's own among them."""
    return options.workers if options.engine == "process" else 1


def _existing(path: Path, flag: str) -> Path:
    if not path.is_dir():
        raise ConfigError(f"{flag} {path} is not a folder")
    return path


# --- eval
def evaluate_checkpoint(options: argparse.Namespace) -> Path:
    """Compare a trained checkpoint with random and rule-of-thumb policies on held-out seeds."""
    from policies.checkpoint import load_checkpoint
    from policies.runs import best_checkpoint

    if not options.model_path:
        raise ConfigError("--mode eval needs --model-path, a checkpoint or run folder")
    checkpoint = best_checkpoint(_only(options.model_path))
    _, meta = load_checkpoint(checkpoint)
    settings = configuration(options)
    parameters = {**meta.get("parameters", {}), **settings["model"]}
    make_policies(str(checkpoint), Parameters.create(parameters))
    months = _sim_length(settings, meta.get("training", {}).get("sim_length", 120))
    folder = RunFolder.create(options.output_dir, options.seed)
    folder.describe(
        sys.argv, {"held_out_from": options.held_out_seed, "episodes": options.episodes},
        {
            "model": parameters, "training": {"sim_length": months}, "policy": str(checkpoint),
            "shocks": settings["shocks"],
        },
    )  # fmt: skip
    report(folder, checkpoint, parameters, months, settings["shocks"], options)
    return folder.path


def _only(paths: Sequence[Path]) -> Path:
    if len(paths) != 1:
        raise ConfigError(f"--model-path takes one run in this mode, got {len(paths)}")
    return paths[0]


def _sim_length(settings: Mapping[str, Any], default: int) -> int:
    months = settings["training"].get("sim_length", default)
    if isinstance(months, bool) or not isinstance(months, int) or months < 1:
        raise ConfigError(f"--sim-length must be a whole number of months >= 1, got {months!r}")
    return months


def report(
    folder: RunFolder,
    checkpoint: Path,
    parameters: Mapping[str, Any],
    months: int,
    shocks: Sequence[Mapping[str, Any]],
    options: argparse.Namespace,
) -> None:
    """Evaluate on held-out seeds; write results, history and figures; print the table."""
    from policies.runs import learned_choice
    from visualization import plots
    from visualization.progress import print_results

    learned = learned_choice(checkpoint, options.greedy)
    seeds = [options.held_out_seed + number for number in range(options.episodes)]
    with executor(options.engine, options.workers) as workers:
        results, histories = evaluate(
            {"learned": learned, "random": "random", "rule": "rule"}, seeds, months, parameters,
            _with_progress("evaluating", workers), shocks,
        )  # fmt: skip
        responses = transmission(learned, parameters, options, _with_progress("rate rise", workers))
    results["checks"] = checks(histories["learned"], results["returns"], parameters)
    write_json(folder.path / "results.json", results)
    history = histories["learned"][0]
    write_text(folder.logs / "simulation_history.csv", history.to_csv(index=False))
    write_text(folder.logs / "policy_transmission.csv", responses.to_csv(index=False))
    economy = Parameters.create(parameters)
    figures = {
        "macro_variables": plots.macro_variables(
            histories["learned"], economy.inflation_target, economy.natural_unemployment
        ),
        "agent_rewards": plots.agent_rewards(
            results["returns"], results["components"], f"sum over {months} months"
        ),
        "policy_transmission": plots.policy_transmission(responses, "a policy rate 100 bp higher for 12 months"),
    }  # fmt: skip
    training = checkpoint.parent.parent / "logs" / "train_stats.json"
    if training.is_file():
        figures["training_curves"] = plots.training_curves(json.loads(training.read_text()))
    for name, figure in figures.items():
        plots.save_figure(figure, folder.plots / f"{name}.png")
    print_results(results)


def _with_progress(title: str, execute: Any) -> Any:
    """An executor that shows a bar over its tasks."""
    from visualization.progress import TaskProgress

    def execute_with_bar(function: Any, tasks: Sequence[Any]) -> list[Any]:
        with TaskProgress(title.replace("_", " "), len(tasks)) as progress:
            return execute(function, tasks, progress)

    return execute_with_bar


def transmission(learned: str, parameters: Mapping[str, Any], options: argparse.Namespace, execute: Any) -> Any:
    """Responses to a rate rise under learned and rule policies, on seeds of their own."""
    first = options.held_out_seed + options.episodes
    arms = {"learned": [learned], "rule of thumb": ["rule"]}
    return rate_rise(Design(arms, parameters, range(first, first + HELD_OUT_PAIRS), execute))


# --- simulate
def simulate(options: argparse.Namespace) -> Path:
    """Run one economy and write its history."""
    from visualization import plots

    settings = configuration(options)
    policy: Any = settings.get("policy", LEARNED)
    if options.model_path:
        from policies.runs import best_checkpoint, learned_choice

        policy = learned_choice(best_checkpoint(_existing(_only(options.model_path), "--model-path")), options.greedy)
    months = _sim_length(settings, 120)
    parameters = Parameters.create(settings["model"])
    episode = Episode(policy, settings["model"], options.seed, months, settings["shocks"])
    make_policies(policy, parameters)  # a wrong name is refused before anything is written
    folder = RunFolder.create(options.output_dir, options.seed)
    described = {
        "model": parameters.model_dump(), "training": {"sim_length": months}, "policy": policy,
        "shocks": settings["shocks"],
    }  # fmt: skip
    folder.describe(sys.argv, {"run": options.seed}, described)
    result = run_episode(episode)
    write_text(folder.logs / "simulation_history.csv", result.history.to_csv(index=False))
    figure = plots.macro_variables(result.history, parameters.inflation_target, parameters.natural_unemployment)
    plots.save_figure(figure, folder.plots / "macro_variables.png")
    return folder.path


# --- experiment
def experiment(options: argparse.Namespace) -> Path:
    """Run a paired experiment on held-out seeds; write its estimates, tables and figures."""
    from visualization import experiments, plots

    if options.experiment is None:
        raise ConfigError(f"--mode experiment needs --experiment, one of {', '.join(ALL_EXPERIMENTS)}")
    chosen = ALL_EXPERIMENTS[options.experiment]
    settings = configuration(options)
    arms, parameters = experiment_arms(options, settings)
    months = _sim_length(settings, chosen.least_months) if "sim_length" in settings["training"] else None
    if months is not None and months < chosen.least_months:
        raise ConfigError(f"--sim-length must be >= {chosen.least_months} for {options.experiment}, got {months}")
    seeds = range(options.held_out_seed, options.held_out_seed + options.pairs)
    folder = _begun(options, {"model": parameters, **{name: settings[name] for name in ("training", "ppo", "shocks")}})
    with _keeping_tasks(folder, options.experiment, arms, options) as execute:
        training = {key: value for key, value in settings["training"].items() if key != "sim_length"}
        design = TrainingDesign(
            arms, parameters, seeds, execute, months, settings["shocks"],
            training, settings["ppo"], options.seed, folder.models, options.warm_start,
        )  # fmt: skip
        findings = chosen.run(design)
    results = {
        "experiment": options.experiment, "design": findings.design, "arms": arms, "estimates": findings.estimates,
        "seeds": list(seeds), "pairs": options.pairs, "runs": {label: len(choices) for label, choices in arms.items()},
    }  # fmt: skip
    write_json(folder.path / "results.json", results)
    for name, table in findings.tables.items():
        write_text(folder.logs / f"{name}.csv", table.to_csv(index=False))
    for name, figure in experiments.figures(options.experiment, findings.tables).items():
        plots.save_figure(figure, folder.plots / f"{name}.png")
    experiments.print_estimates(options.experiment, results)
    shutil.rmtree(folder.path / FINISHED_TASKS)
    return folder.path


@contextmanager
def _keeping_tasks(
    folder: RunFolder, title: str, arms: Mapping[str, Sequence[Any]], options: argparse.Namespace
) -> Iterator[Any]:
    """An executor with a bar that keeps the results of finished tasks in the run folder, for ``--resume``."""
    from policies.runs import manifests

    depends_on = manifests(choice for choices in arms.values() for choice in choices)
    try:
        with executor(options.engine, options.workers) as workers:
            yield _with_progress(title, resumable(workers, folder.path / FINISHED_TASKS, depends_on))
    except KeyboardInterrupt:
        print(f"stopped; go on with {command_again(sys.argv, folder.path)}", file=sys.stderr)
        raise


def experiment_arms(
    options: argparse.Namespace, settings: Mapping[str, Any]
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The policies that an experiment compares, by label, and the parameters of the economy they were trained in.

    Learned ones are the runs of ``--model-path`` or those shipped with the package; the rule of thumb is beside them.
    """
    parameters: dict[str, Any] = {}
    if "policy" in settings:
        if options.model_path:
            raise ConfigError("--policy and --model-path exclude each other: an experiment compares one with rules")
        choice = settings["policy"]
        arms = {choice if isinstance(choice, str) else "chosen": [choice]}
    else:
        from policies import runs

        found = [runs.best_checkpoint(_existing(path, "--model-path")) for path in options.model_path]
        checkpoints = found or runs.shipped_checkpoints()
        arms = {"learned": [runs.learned_choice(checkpoint, options.greedy) for checkpoint in checkpoints]}
        parameters = runs.common_parameters(checkpoints)
    arms.setdefault("rule", ["rule"])
    parameters = {**parameters, **settings["model"]}
    for choices in arms.values():
        for choice in choices:
            make_policies(choice, Parameters.create(parameters))  # refused before anything is written
    return arms, parameters


def _begun(options: argparse.Namespace, described: Mapping[str, Any]) -> RunFolder:
    """A new folder that says how it is made, or the stopped one of the same settings."""
    seeds = {"held_out_from": options.held_out_seed, "pairs": options.pairs}
    if options.resume and not (options.resume / FINISHED_TASKS).is_dir():
        raise ConfigError(f"--resume {options.resume} holds no experiment that was stopped")
    folder = RunFolder(options.resume) if options.resume else RunFolder.create(options.output_dir, options.seed)
    folder.describe(sys.argv, seeds, described)
    return folder


# --- evidence
def evidence(options: argparse.Namespace) -> Path:
    """Judge the emergence claims and the stylised facts on held-out seeds; write verdicts, tables and the scorecard."""
    import pandas as pd

    from macro_mesa.evidence.study import Run, run_evidence
    from policies.runs import most_probable, run_name
    from visualization import plots, scorecard

    if options.greedy:
        raise ConfigError("--greedy is not for --mode evidence: it looks at sampled and at most probable actions")
    settings = configuration(options)
    arms, parameters = experiment_arms(options, settings)
    choices = next(iter(arms.values()))
    runs = [Run(run_name(choice), choice, most_probable(choice), parameters) for choice in choices]
    folder = _begun(options, {"model": parameters, "runs": [run.name for run in runs]})
    with _keeping_tasks(folder, "evidence", arms, options) as execute:
        results = run_evidence(runs, options.held_out_seed, options.pairs, execute)
    write_json(folder.path / "results.json", results)
    write_text(folder.logs / "responses.csv", pd.DataFrame(results["responses"]).to_csv(index=False))
    write_text(folder.logs / "moments.csv", pd.json_normalize(list(results["facts"]["moments"].values())).to_csv())
    plots.save_figure(scorecard.scorecard(results), folder.plots / "scorecard.png")
    plots.save_figure(scorecard.all_responses(results), folder.plots / "responses.png")
    scorecard.print_verdicts(results)
    shutil.rmtree(folder.path / FINISHED_TASKS)
    return folder.path


# --- sweep
def sweep(options: argparse.Namespace) -> Path:
    """Run a design of parameters, policies and seeds; write every run, their summary and what outcomes depend on."""
    from visualization import plots
    from visualization.progress import TaskProgress
    from visualization.sensitivity import sensitivity_bars

    settings = study_settings(options, SETTINGS)
    design = read_sweep(settings)
    folder = RunFolder(options.resume) if options.resume else RunFolder.create(options.output_dir, design.seed)
    if not options.resume:
        folder.describe(sys.argv, {"runs": list(design.seeds), "design": design.seed}, settings)
    data = folder.path / "data"
    try:
        with (
            executor(options.engine, options.workers) as workers,
            TaskProgress("sweep", len(unfinished(design, data))) as progress,
        ):
            run_sweep(design, data, workers.stream, progress)
    except KeyboardInterrupt:
        print(f"stopped; go on with --mode sweep --resume {folder.path}", file=sys.stderr)
        raise
    results, indices = sweep_results.finish_sweep(design, data, folder.path)
    for number, (policy, table) in enumerate(indices.groupby("policy", sort=False)):
        titles = table["output"].str.replace("_", " ") + f", {policy}"
        figure = sensitivity_bars(table.assign(output=titles))
        plots.save_figure(figure, folder.plots / f"sensitivity{f'_{number + 1}' if number else ''}.png")
    if results["failed"]:
        print(f"{len(results['failed'])} of {results['runs']} runs failed: {data / 'failed'}", file=sys.stderr)
    return folder.path


# --- calibrate
def calibrate(options: argparse.Namespace) -> Path:
    """Look for parameters whose moments come near to those of data; write every trial and the best one."""
    from macro_mesa.evidence.stylised_facts import MOMENTS
    from visualization import plots
    from visualization.calibration import calibration as calibration_figure
    from visualization.progress import TaskProgress

    settings = study_settings(options, calibration.SETTINGS)
    search = calibration.read_calibration(settings)
    folder = RunFolder(options.resume) if options.resume else RunFolder.create(options.output_dir, search.seed)
    if not options.resume:
        folder.describe(sys.argv, {"runs": list(search.seeds), "search": search.seed}, settings)
    left = search.trials - calibration.trials_done(folder.path)
    try:
        with (
            executor(options.engine, options.workers) as workers,
            TaskProgress("calibration", (left + 2) * len(search.seeds)) as progress,
        ):
            trials = calibration.calibrate(search, folder.path, workers.stream, progress)
            results = calibration.finish_calibration(search, trials, workers.stream, progress)
    except KeyboardInterrupt:
        print(f"stopped; go on with --mode calibrate --resume {folder.path}", file=sys.stderr)
        raise
    write_json(folder.path / "results.json", results)
    figure = calibration_figure(results, {name: title for name, (title, *_) in MOMENTS.items()})
    plots.save_figure(figure, folder.plots / "calibration.png")
    return folder.path


MODES: dict[str, Callable[[argparse.Namespace], Path]] = {
    "train": train,
    "eval": evaluate_checkpoint,
    "simulate": simulate,
    "experiment": experiment,
    "evidence": evidence,
    "sweep": sweep,
    "calibrate": calibrate,
}


def one_line(error: Exception) -> str:
    """Its message without line breaks and control characters, which a quoted file or argument may bring along."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        path = MODES[options.mode](options)
    except (ValueError, FloatingPointError, OSError) as error:
        # ConfigError and CheckpointError are one sentence each; so is a numerical failure, or a disk that is full
        if type(error) is ValueError:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(path)
    return 0


def dashboard_command(arguments: Sequence[str]) -> list[str]:
    """What starts Solara on the page, wherever the page was installed; ``arguments`` are Solara's own."""
    return ["run", str(Path(__file__).with_name("app.py")), *arguments]


def command() -> int:
    """The console script ``macro-mesa``: the page, or what ``main`` does."""
    if sys.argv[1:2] != ["dashboard"]:
        return main()
    from solara.__main__ import cli

    try:
        cli.main(dashboard_command(sys.argv[2:]), prog_name="macro-mesa dashboard")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
