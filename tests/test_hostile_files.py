"""Files from strangers are data: each fault is refused in one line, nothing is run, nothing outside is touched."""

import copy
import io
import json
import os
import pickle
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import SIZES, economy

import run_model
from macro_mesa import ConfigError, MacroModel
from macro_mesa.archive import Archive
from macro_mesa.experiments.bounded_yaml import MAX_CHARACTERS, load_yaml
from macro_mesa.spaces import AGENT_TYPES
from macro_mesa.state import MODEL
from policies.checkpoint import CHECKPOINT, CheckpointError, load_checkpoint
from policies.trainer import Trainer

KINDS: dict[str, tuple[Archive, type[ValueError]]] = {
    "checkpoint": (CHECKPOINT, CheckpointError),
    "model": (MODEL, ConfigError),
}


@pytest.fixture
def saved(tmp_path, checkpoint):
    """A folder of each kind, and how it is opened."""
    shutil.copytree(checkpoint, tmp_path / "checkpoint")
    economy(months=2, policy="random").save(tmp_path / "model")
    openers = {"checkpoint": load_checkpoint, "model": MacroModel.load}
    return {kind: (tmp_path / kind, openers[kind]) for kind in KINDS}


def check_refused(open_it, folder: Path, error: type[ValueError], says: str = ".") -> None:
    with pytest.raises(error, match=says) as refusal:
        open_it(folder)
    assert "\n" not in str(refusal.value)


def rewrite(folder: Path, archive: Archive, change) -> None:
    """The archive after ``change(arrays, meta)``, with checksums that vouch for it."""
    arrays, meta = archive.read(folder)
    change(arrays, meta)
    archive.write(folder, arrays, meta)


def both(test):
    return pytest.mark.parametrize("kind", KINDS)(test)


# --- damage
@both
@pytest.mark.parametrize("which", ["arrays_file", "description_file"])
def test_a_flipped_byte_is_noticed_wherever_it_is(kind, which, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    path = folder / getattr(archive, which)
    content = bytearray(path.read_bytes())
    original = archive.read(folder)[1]
    rng = np.random.default_rng(1)
    for position in {0, 8, len(content) - 1, *rng.integers(len(content), size=60).tolist()}:
        flip = int(rng.integers(1, 256))
        content[position] ^= flip
        path.write_bytes(content)
        try:
            found = archive.read(folder)[1]
        except error:
            check_refused(open_it, folder, error)
        else:  # white space between two entries has become other white space, and no more
            assert which == "description_file"
            assert found == original
        content[position] ^= flip
    path.write_bytes(content)
    open_it(folder)


@both
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_files_cut_off_are_refused(kind, share, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    for name in (archive.arrays_file, archive.description_file):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])
        check_refused(open_it, folder, error, name)
        (folder / name).write_bytes(content)


@both
def test_another_version_s_description_is_refused(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    path = folder / archive.description_file
    content = json.loads(path.read_text())
    for version in (0, 99, "2", None, 2.0, [2]):
        path.write_text(json.dumps(content | {"version": version}))
        check_refused(open_it, folder, error, "format version")


@both
def test_a_description_without_its_checksum_is_refused(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    path = folder / archive.description_file
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content))
    check_refused(open_it, folder, error, "no valid 'sha256'")
    path.write_text(json.dumps(content | {"sha256": "0" * 64}))
    check_refused(open_it, folder, error, "is damaged")


def test_a_checkpoint_from_before_the_checksum_is_read(saved):
    folder, _ = saved["checkpoint"]
    expected = load_checkpoint(folder)[1]
    content = json.loads((folder / "manifest.json").read_text())
    del content["sha256"]
    (folder / "manifest.json").write_text(json.dumps(content | {"version": 1}))
    assert load_checkpoint(folder)[1] == expected


# --- code in disguise
class Trap:
    """Touches a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@both
@pytest.mark.parametrize("disguise", ["pickle", "numpy", "zip"])
@pytest.mark.parametrize("which", ["arrays_file", "description_file"])
def test_a_pickle_in_disguise_is_refused_and_never_run(kind, disguise, which, saved, tmp_path):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    trap = tmp_path / "sprung"
    content = pickle.dumps(Trap(trap))
    if disguise == "numpy":
        file = io.BytesIO()
        np.save(file, np.array([Trap(trap)], dtype=object), allow_pickle=True)
        content = file.getvalue()
    elif disguise == "zip":
        content = b"PK\x03\x04" + content
    (folder / getattr(archive, which)).write_bytes(content)
    check_refused(open_it, folder, error)
    assert not trap.exists()


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:pathlib.Path.touch [{}]", "!!python/name:os.system", "!!python/object/new:os.system [{}]"],
)
def test_yaml_that_names_code_is_refused_and_never_run(text, tmp_path):
    trap = tmp_path / "sprung"
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        load_yaml(text.format(trap))
    assert not trap.exists()


# --- paths that climb out
@both
def test_names_in_an_archive_are_never_paths(kind, saved, tmp_path):
    archive, _ = KINDS[kind]
    folder, open_it = saved[kind]
    rewrite(folder, archive, lambda arrays, meta: arrays.update({"../../climbed": np.ones(2), "/climbed": np.ones(1)}))
    before = sorted(tmp_path.parent.rglob("*"))
    open_it(folder)
    assert sorted(tmp_path.parent.rglob("*")) == before


@both
def test_an_entry_that_points_elsewhere_is_refused(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    path = folder / archive.description_file
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"weights_file": "../../../etc/passwd"}))
    check_refused(open_it, folder, error, "unknown key 'weights_file'")


@both
def test_a_save_touches_nothing_but_its_own_folder(kind, saved, tmp_path):
    archive, error = KINDS[kind]
    folder, _ = saved[kind]
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("years of work")
    with pytest.raises(error, match="will not be overwritten"):
        archive.write(thesis, *archive.read(folder))
    assert (thesis / "chapter.tex").read_text() == "years of work"


def test_a_model_saved_again_leaves_nothing_of_the_old_one(tmp_path):
    folder = tmp_path / "model"
    economy(months=1).save(folder)
    (folder / "left over").write_text("")
    economy(months=2).save(folder)
    assert MacroModel.load(folder).month == 2
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "state.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@both
@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_an_interrupted_save_leaves_a_whole_archive(kind, function, calls, saved, monkeypatch):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    arrays, meta = archive.read(folder)
    original, made = getattr(os, function), []

    def interrupted(*arguments):
        if len(made) == calls:
            raise OSError("power cut")
        made.append(arguments)
        return original(*arguments)

    newer = copy.deepcopy(meta) | {"newer": True}
    with monkeypatch.context() as patch:
        patch.setattr(os, function, interrupted)
        if function == "replace" and calls >= 2:  # a save renames twice
            archive.write(folder, arrays, newer)
        else:
            with pytest.raises(error, match="power cut"):
                archive.write(folder, arrays, newer)
    open_it(folder)
    assert archive.read(folder)[1] in (meta, newer)


# --- sizes
@both
def test_a_header_of_ten_gigabytes_is_refused_unread(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    (folder / archive.arrays_file).write_bytes((10 * 2**30).to_bytes(8, "little") + b"{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check_refused(open_it, folder, error, "no safetensors file")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@both
def test_files_beyond_their_bounds_are_refused_unread(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    limits = {
        archive.description_file: archive.max_description_bytes,
        archive.arrays_file: archive.max_arrays_bytes,
    }
    for name, limit in limits.items():
        content = (folder / name).read_bytes()
        with (folder / name).open("ab") as file:
            file.truncate(limit + 1)  # a sparse file takes no room
        check_refused(open_it, folder, error, f"at most {limit} are allowed")
        (folder / name).write_bytes(content)


@both
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's process table")
def test_a_small_archive_needs_little_memory(kind, saved):
    folder, open_it = saved[kind]
    open_it(folder)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**29, before[1]))
    try:
        open_it(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@both
def test_pipes_and_devices_are_no_archives(kind, saved):
    archive, error = KINDS[kind]
    folder, open_it = saved[kind]
    path = folder / archive.arrays_file
    path.unlink()
    os.mkfifo(path)
    check_refused(open_it, folder, error, "is missing")
    path.unlink()
    path.symlink_to("/dev/zero")
    check_refused(open_it, folder, error, "is missing")


def laughs(levels: int) -> str:
    """Ten times as many entries a level, in a line a level."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, levels)]
    return "\n".join(lines)


BAD_YAML = {
    "a billion laughs": (laughs(9), "unfold to more than"),
    "an alias in itself": ("model: &a [*a]", "unfold to more than"),
    "too deep": ("[" * 1_200, "nested too deeply"),
    "too long": ("x" * (MAX_CHARACTERS + 1), "more than 262144 characters"),
    "a number without end": ("9" * 5_000, "more than 300 digits"),
    "a hexadecimal number without end": ("0x" + "f" * 100_000, "more than 300 digits"),
    "no date": ("2024-99-99", "cannot be read"),
    "no truth value": ("!!bool perhaps", "cannot be read"),
    "no time": ("!!timestamp soon", "cannot be read"),
}


@pytest.mark.parametrize(("text", "says"), BAD_YAML.values(), ids=BAD_YAML)
def test_yaml_bombs_are_refused_by_the_command_line(text, says, tmp_path, capsys):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    assert run_model.main(["--config", str(path), "--output-dir", str(tmp_path / "output")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "output").exists()


def test_yaml_with_a_few_aliases_is_read():
    assert load_yaml(laughs(3))["a2"][9][9][9] == "lol"
    assert load_yaml("") is None


def test_an_endless_settings_file_is_refused(tmp_path, capsys):
    assert run_model.main(["--config", "/dev/zero", "--output-dir", str(tmp_path / "output")]) == 2
    assert "more than" in capsys.readouterr().err


# --- checksums that vouch for nonsense: whoever wants to can compute them
def replaced(name, value):
    def change(arrays, meta):
        assert name in arrays
        arrays[name] = value(arrays[name])

    return change


def set_first(value):
    def change(array):
        array = array.copy()
        array.flat[0] = value
        return array

    return change


def described(**entries):
    return lambda arrays, meta: meta.update(entries)


def histories_of_tables(arrays, meta):
    histories = {name: a for name, a in arrays.items() if name.startswith(("collected.", "collection_steps"))}
    arrays.update({name: array[:, None] for name, array in histories.items()})


def no_firms_left(arrays, meta):
    arrays.update({name: array[:0] for name, array in arrays.items() if name.startswith("firm.")})
    meta["populations"]["firm"]["size"] = 0


IMPOSSIBLE_MODELS = {
    "a bank that does not exist": (replaced("household.bank_id", set_first(7)), "bank_id is no bank"),
    "a lender below zero": (replaced("firm.lender_id", set_first(-1)), "lender_id is no bank"),
    "an employer far away": (
        replaced("household.employer_id", lambda a: np.where(a < 0, a, 2**30)), "employer_id is no firm",
    ),
    "workers without an employer": (
        replaced("household.employer_id", lambda a: np.full_like(a, -1)), "employer_id is no firm",
    ),
    "workers that nobody employs": (replaced("firm.employment", set_first(99)), "count other workers"),
    "NaN on an account": (replaced("firm.deposits", set_first(np.nan)), "NaN or infinity in deposits of firm"),
    "an infinite price level": (replaced("economy.price_level", set_first(np.inf)), "NaN or infinity"),
    "money from nowhere": (replaced("household.deposits", set_first(1e6)), "books do not close"),
    "one value for all": (replaced("household.deposits", lambda a: a[:1]), "household.deposits as float64"),
    "a table for a column": (replaced("firm.price", lambda a: np.outer(a, a)), "firm.price as float64"),
    "whole numbers for money": (replaced("firm.price", lambda a: a.astype(np.int64)), "firm.price as int64"),
    "an agent too few": (replaced("firm.unique_id", lambda a: a[1:]), "it describes 3"),
    "a history of another length": (replaced("collected.gdp", lambda a: a[1:]), "collected.gdp"),
    "histories of tables": (histories_of_tables, "collection_steps"),
    "no firms left": (no_firms_left, "0 of firm"),
    "no firms at all": (lambda arrays, meta: meta["populations"].pop("firm"), "incomplete"),
    "a population of text": (described(populations="many"), "incomplete"),
    "no month": (lambda arrays, meta: meta.pop("month"), "incomplete"),
    "a clock far ahead": (described(time=1e300), "time must be"),
    "a clock of text": (described(time="noon"), "time must be"),
    "half a month": (described(month=2.5), "month must be"),
    "a month of text": (described(month="May"), "month must be"),
    "a counter below zero": (described(agent_id_counter=-1), "agent_id_counter must be"),
    "a key below zero": (described(key=-1), "key must be"),
    "a list of keys": (described(key=[]), "key must be"),
    "parameters of text": (described(parameters="many"), "incomplete"),
    "a parameter out of bounds": (lambda arrays, meta: meta["parameters"].update(num_firms=0), "num_firms"),
    "an unknown parameter": (lambda arrays, meta: meta["parameters"].update(num_frims=1), "num_frims"),
    "shocks of text": (described(shocks="war"), "shocks must be a list"),
    "a generator of text": (described(rng="random"), "incomplete"),
    "a policy of nobody": (described(policy={"banker": "rule"}), "'banker' is none of"),
    "a policy elsewhere": (described(policy="../../elsewhere"), "does not exist"),
    "a class that does not exist": (
        lambda arrays, meta: meta["populations"]["firm"]["classes"].update({"0": "os.system"}), "class os.system",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), IMPOSSIBLE_MODELS.values(), ids=IMPOSSIBLE_MODELS)
def test_a_saved_model_that_cannot_be_is_refused(change, says, tmp_path):
    economy(months=2, policy="random").save(tmp_path / "model")
    rewrite(tmp_path / "model", MODEL, change)
    check_refused(MacroModel.load, tmp_path / "model", ConfigError, says)


IMPOSSIBLE_POLICIES = {
    "a layer missing": lambda arrays, meta: arrays.pop("firm.network.actor.0.weight"),
    "a layer of another shape": replaced("firm.network.actor.2.weight", lambda a: a[:, :3]),
    "a bias of another shape": replaced("firm.network.actor.0.bias", lambda a: a[:3]),
    "too few outputs": replaced("firm.network.actor.4.weight", lambda a: a[:2]),
    "a weight of NaN": replaced("firm.network.actor.2.weight", set_first(np.nan)),
    "a scale of NaN": replaced("firm.normalizer.mean", set_first(np.nan)),
    "a negative variance": replaced("firm.normalizer.squares", set_first(-1e9)),
    "a scale of another size": replaced("firm.normalizer.mean", lambda a: a[1:]),
    "observations in another order": lambda arrays, meta: meta["spaces"]["firm"]["observations"].reverse(),
    "spaces of text": described(spaces="all"),
    "no spaces": lambda arrays, meta: meta.pop("spaces"),
}


@pytest.mark.parametrize("change", IMPOSSIBLE_POLICIES.values(), ids=IMPOSSIBLE_POLICIES)
def test_a_policy_that_cannot_be_is_refused(change, saved):
    folder, _ = saved["checkpoint"]
    rewrite(folder, CHECKPOINT, change)
    check_refused(lambda path: MacroModel(policy={"firm": path}), folder, CheckpointError)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The state of a training after one update."""
    from conftest import SHORT_TRAINING, SMALL

    from policies.config import TrainingConfig

    trainer = Trainer(SMALL, TrainingConfig(**SHORT_TRAINING), seed=3)
    next(trainer.run())
    folder = tmp_path_factory.mktemp("run") / "last"
    trainer.save_last(folder)
    return folder


IMPOSSIBLE_TRAININGS = {
    **{f"no {name}": lambda arrays, meta, name=name: meta.pop(name) for name in (
        "learners", "parameters", "shocks", "training", "ppo", "seed", "update", "horizons", "economies", "baselines",
    )},
    **{f"{name} of text": described(**{name: "many"}) for name in (
        "learners", "parameters", "shocks", "training", "ppo", "seed", "economies",
    )},
    **{f"{name} below zero": described(**{name: -1}) for name in ("update", "episodes", "agent_steps", "seed")},
    "a count in digits": described(update="1"),
    "half an episode": described(episodes=1.5),
    "a horizon less": lambda arrays, meta: meta["horizons"].pop(),
    "a horizon of nothing": lambda arrays, meta: meta["horizons"].__setitem__(0, 0),
    "a horizon without end": lambda arrays, meta: meta["horizons"].__setitem__(0, 10**30),
    "a score of text": described(best_score="good"),
    "a scored type that does not exist": described(scored_types=["banker"]),
    "baselines of text": described(baselines={"firm": {"random": "low"}}),
    "an economy of other parameters": lambda arrays, meta: meta["economies"][0]["parameters"].update(wage_cut=0.01),
    "a weight of another shape": replaced("firm.network.actor.2.weight", lambda a: a[:, :3]),
    "a weight of NaN": replaced("household.network.critic.0.weight", set_first(np.nan)),
    "an economy with a bank that does not exist": replaced("economy.1.household.bank_id", set_first(9)),
    "an economy less": lambda arrays, meta: arrays.pop("economy.1.history"),
}  # fmt: skip


@pytest.mark.parametrize("change", IMPOSSIBLE_TRAININGS.values(), ids=IMPOSSIBLE_TRAININGS)
def test_a_training_that_cannot_be_is_refused(change, training, tmp_path):
    folder = tmp_path / "last"
    shutil.copytree(training, folder)
    rewrite(folder, CHECKPOINT, change)
    with pytest.raises((ConfigError, CheckpointError)) as refusal:
        Trainer.load(folder)
    assert "\n" not in str(refusal.value)


def test_the_fixtures_themselves_can_be_opened(training, saved):
    """So that none of the refusals above is for another reason."""
    assert Trainer.load(training).update == 1
    folder, open_it = saved["model"]
    assert open_it(folder).month == 2
    model = economy(SIZES[0], policy={kind: str(saved["checkpoint"][0]) for kind in AGENT_TYPES})
    model.step()
