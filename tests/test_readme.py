"""What the README shows works: its Python, its scenario, its commands and its list of flags."""

import re
import shlex
import types
from pathlib import Path

import pytest
import yaml

import run_model

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    """Code blocks of a language, each after the lines above it so that errors name the README's lines."""
    found = re.finditer(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return ["\n" * README[: block.start(1)].count("\n") + block[1] for block in found]


def test_python_snippets_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("readme")
    snippets = blocks("python")
    assert len(snippets) >= 5
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), module.__dict__)


def test_the_scenario_is_read(tmp_path):
    (scenario,) = blocks("yaml")
    path = tmp_path / "scenario.yaml"
    path.write_text(scenario)
    assert set(yaml.safe_load(scenario)) == set(run_model.SECTIONS)
    settings = run_model.configuration(run_model.parse(["--config", str(path), "--num-households", "300"]))
    assert settings["model"] == {"num_households": 300, "bank_pricing": "spread"}
    assert len(settings["shocks"]) == 2


def test_commands_parse():
    commands = [line for block in blocks("sh") for line in block.splitlines() if "run_model.py" in line]
    assert {run_model.parse(shlex.split(line)[2:]).mode for line in commands} == set(run_model.MODES)


def test_every_flag_is_listed(capsys):
    with pytest.raises(SystemExit):
        run_model.parse(["--help"])
    flags = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    listed = {flag for row in README.splitlines() if row.startswith("| `--") for flag in re.findall(r"--[a-z-]+", row)}
    assert listed == flags


def test_the_first_screen_is_lean():
    findings = re.search(r"<!-- generated: findings -->(.*?)<!-- end -->", README, re.DOTALL)[1]
    limits = re.findall(r"^- ", re.search(r"## Limits\n\n(.*?)\n\n", README, re.DOTALL)[1], re.MULTILINE)
    assert len([line for line in findings.splitlines() if line.startswith("|")]) - 2 <= 8
    assert len(limits) <= 8
    assert max(len(line) for line in README.splitlines() if not line.startswith("|")) <= 160


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
