"""The front door: what can be imported without a learner, the command, and what a wheel carries."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import run_model
from macro_mesa import __version__

ROOT = Path(__file__).parents[1]
COMMANDS = [
    ["-m", "macro_mesa"],
    [str(ROOT / "run_model.py")],
    ["-c", "import run_model; raise SystemExit(run_model.command())"],
]


def python(*arguments, folder):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=folder, check=False)


def test_the_economy_is_imported_without_torch(tmp_path):
    names = "MacroModel, Household, Firm, CommercialBank, CentralBank, Policy"
    found = python("-c", f"from macro_mesa import {names}\nimport sys\nprint('torch' in sys.modules)", folder=tmp_path)
    assert found.stdout == "False\n", found.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=["module", "script", "console"])
def test_every_way_in_tells_its_version_from_any_folder(command, tmp_path):
    found = python(*command, "--version", folder=tmp_path)
    assert (found.returncode, found.stdout) == (0, f"macro-mesa {__version__}\n"), found.stderr


def test_a_flag_that_is_none_is_refused_in_one_line(tmp_path):
    found = python("-m", "macro_mesa", "--mod", "train", folder=tmp_path)
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1


def test_the_page_is_found_wherever_it_is_installed(monkeypatch):
    word, page, *rest = run_model.dashboard_command(["--port", "9000"])
    assert (word, rest) == ("run", ["--port", "9000"])
    assert Path(page).is_absolute()
    assert "Dashboard" in Path(page).read_text()


def test_the_page_s_own_help_and_errors_come_through(tmp_path):
    console = COMMANDS[2]
    assert python(*console, "dashboard", "--help", folder=tmp_path).returncode == 0
    assert python(*console, "dashboard", "--no-such-flag", folder=tmp_path).returncode == 2


@pytest.mark.slow
def test_a_wheel_carries_policies_and_opening(tmp_path):
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    found = python(*build, folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert found.returncode == 0, found.stderr
    policies = {f"policies/pretrained/{number}/weights.safetensors" for number in range(1, 6)}
    assert {
        "app.py",
        "run_model.py",
        "macro_mesa/stationary.json",
        "policies/pretrained/index.json",
        *policies,
    } <= names
