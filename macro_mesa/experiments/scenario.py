"""A scenario: the settings of a run by section, from a YAML file, ``KEY=VALUE`` texts and flags."""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from macro_mesa.config import ConfigError, unknown_key
from macro_mesa.experiments.bounded_yaml import load_yaml, read_yaml
from macro_mesa.shocks import read_shocks

# sections of a settings file: what each holds, in Python and in words
SECTIONS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((dict,), "a mapping of parameters"),
    "training": ((dict,), "a mapping of training settings"),
    "ppo": ((dict,), "a mapping of agent types to settings"),
    "shocks": ((list,), "a list of dated shocks"),
    "policy": ((str, dict), "a name or a mapping of agent types to names"),
}


def read_scenario(
    path: Path | None = None,
    assignments: Iterable[str] = (),
    shocks: Iterable[str] = (),
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> dict[str, Any]:
    """Settings by section: the file, then ``assignments``, then ``flags``; raises ``ConfigError``.

    assignments: ``"num_firms=30"``, ``"training.economies=8"``, ``"policy=random"``.
    shocks: ``"kind=policy_rate,size=0.01,start=24,duration=12"``, added to those of the file.
    flags: values by section and key; None leaves a setting as it is.
    """
    settings: dict[str, Any] = {"model": {}, "training": {}, "ppo": {}, "shocks": []}
    if path:
        settings |= _read_yaml(path)
    for assignment in assignments:
        _assign(settings, assignment)
    for (section, key), value in (flags or {}).items():
        if value is not None:
            settings[section][key] = value
    settings["shocks"] = [*settings["shocks"], *(_shock(text) for text in shocks)]
    read_shocks(settings["shocks"])
    return settings


def study_settings(options: argparse.Namespace, known: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a sweep or calibration: the file, then ``--set``, then the flags; raises ``ConfigError``.

    A resumed one has those that its folder notes.
    """
    if options.resume:
        if not options.resume.is_dir():
            raise ConfigError(f"--resume {options.resume} is not a folder")
        return read_mapping(options.resume / "config.yaml", f"the settings of a {options.mode}")
    if options.config is None:
        raise ConfigError(f"--mode {options.mode} needs --config FILE.yaml, or --resume DIR")
    settings = read_mapping(options.config, f"some of the keys {', '.join(known)}")
    flags = {("model", name): getattr(options, name) for name in ("num_households", "num_firms", "num_banks")}
    given = read_scenario(None, options.set, options.shock, flags)
    if given["training"] or given["ppo"]:
        raise ConfigError(f"--mode {options.mode} trains nothing: --set takes parameters of the economy, or policy")
    for key, value in (("sim_length", options.sim_length), ("policy", options.policy or given.get("policy"))):
        if value is not None:
            settings[key] = value
    if given["model"] and isinstance(settings.setdefault("model", {}), dict):
        settings["model"] |= given["model"]
    if given["shocks"] and isinstance(settings.setdefault("shocks", []), list):
        settings["shocks"] += given["shocks"]
    return settings


def read_mapping(path: Path, holds: str) -> dict[str, Any]:
    """The mapping in a YAML file, which ``holds`` names; raises ``ConfigError``."""
    try:
        content = read_yaml(path)
    except OSError as error:
        raise ConfigError(f"cannot read --config {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"--config {path} is not YAML: {reason}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"--config {path} must have {holds}, got {type(content).__name__}")
    return content


def _read_yaml(path: Path) -> dict[str, Any]:
    content = read_mapping(path, f"the sections {', '.join(SECTIONS)}")
    for section, value in content.items():
        if section not in SECTIONS:
            raise ConfigError(f"--config {path}: {unknown_key(str(section), SECTIONS)}")
        expected, word = SECTIONS[section]
        if not isinstance(value, expected):
            raise ConfigError(f"--config {path}: section {section} must be {word}, got {type(value).__name__}")
    return content


def _assign(settings: dict[str, Any], assignment: str) -> None:
    """``num_firms=30``, ``training.economies=8``, ``ppo.household.gamma=.95`` or ``policy=random``."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set takes KEY=VALUE, got {assignment!r}")
    *sections, name = key.split(".")
    if key == "policy":
        settings["policy"] = text
        return
    if sections and sections[0] not in ("model", "training", "ppo"):
        raise ConfigError(f"--set {key}: {unknown_key(sections[0], SECTIONS)}")
    place = settings
    for section in sections or ["model"]:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {key}: {section} has no keys of its own")
    place[name] = _value(text)


def _value(text: str) -> Any:
    """A value as JSON or YAML would read it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        try:
            return load_yaml(text)
        except yaml.YAMLError:
            return text


def _shock(text: str) -> dict[str, Any]:
    """``kind=policy_rate,size=0.01,start=24,duration=12``."""
    entries = [entry.partition("=") for entry in text.split(",")]
    if not all(equals for _, equals, _ in entries):
        raise ConfigError(f"--shock takes kind=...,size=...,start=...,duration=..., got {text!r}")
    return {key.strip(): _value(value) for key, _, value in entries}
