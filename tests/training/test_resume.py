"""A training that goes on from a checkpoint: the same numbers, and what becomes of half-written, foreign and damaged ones."""

import json
import shutil

import pytest
import torch

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.training import checkpoints, devices
from simtouch.training.loop import Training
from simtouch.training.run_folder import RunFolder
from tests.training import standins


def training(feed=None, objective=None, **changes) -> Training:
    config = standins.config(**changes)
    return Training(config, devices.start_fabric(config), objective or standins.objective(), feed or standins.MadeUpFeed(8))


def run(of: Training, steps: int) -> list[float]:
    return [of.one_step().losses["loss"] for _ in range(steps)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def test_a_resumed_training_gives_the_same_numbers(folder):
    whole = training()
    expected = run(whole, 12)
    first = training()
    assert run(first, 5) == expected[:5]
    checkpoints.save(folder, first.checkpoint())
    second = training(objective=standins.objective(seed=7))  # other weights at the start
    second.go_on_from(checkpoints.load(checkpoints.finished(folder)[-1]))
    assert second.step == 5
    assert run(second, 7) == expected[5:]
    for mine, theirs in zip(second.objective.state_dict().values(), whole.objective.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_numbers_would_differ_without_the_state_of_the_optimiser(folder):
    whole = training()
    expected = run(whole, 8)
    first = training()
    run(first, 5)
    kept = first.checkpoint()
    bare = {k: v for k, v in kept.training.items() if k.startswith("rng.")}
    second = training()
    second.go_on_from(checkpoints.Checkpoint(model=kept.model, training=bare, state=kept.state))
    assert run(second, 3) != pytest.approx(expected[5:], abs=1e-6)


def test_two_names_of_one_weight_come_back(folder):
    made = standins.objective()
    made.student.blocks[1].mlp.fc1.weight = made.student.blocks[0].mlp.fc1.weight
    of = training(objective=made)
    run(of, 2)
    checkpoints.save(folder, of.checkpoint())
    again = standins.objective(seed=3)
    again.student.blocks[1].mlp.fc1.weight = again.student.blocks[0].mlp.fc1.weight
    other = training(objective=again)
    other.go_on_from(checkpoints.load(checkpoints.finished(folder)[-1]))
    assert run(other, 2) == run(of, 2)


def test_a_checkpoint_holds_no_pickle(folder):
    of = training()
    run(of, 1)
    path = checkpoints.save(folder, of.checkpoint())
    assert sorted(p.name for p in path.iterdir()) == ["model.safetensors", "state.json", "training.safetensors"]
    assert json.loads((path / "state.json").read_text())["step"] == 1
    for name in ("model.safetensors", "training.safetensors"):
        header = (path / name).read_bytes()
        assert header[8:9] == b"{"  # a length, then JSON


def test_older_checkpoints_go_when_newer_ones_are_whole(folder):
    of = training()
    for _ in range(4):
        run(of, 1)
        checkpoints.save(folder, of.checkpoint(), keep=2)
    assert [p.name for p in checkpoints.finished(folder)] == ["step-00000003", "step-00000004"]


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(folder, monkeypatch):
    of = training()
    run(of, 1)
    checkpoints.save(folder, of.checkpoint())
    run(of, 1)

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", no_room)
    with pytest.raises(SimtouchError, match="No space left on device; the one before it is kept"):
        checkpoints.save(folder, of.checkpoint())
    assert [p.name for p in folder.iterdir()] == ["step-00000001"]


def test_half_written_checkpoints_are_not_taken_and_are_cleared(folder):
    of = training()
    run(of, 1)
    whole = checkpoints.save(folder, of.checkpoint())
    shutil.copytree(whole, folder / "step-00000002.unfinished")
    assert checkpoints.finished(folder) == [whole]
    checkpoints.clear_unfinished(folder)
    assert list(folder.iterdir()) == [whole]


def test_a_damaged_checkpoint_is_named(folder):
    of = training()
    run(of, 1)
    path = checkpoints.save(folder, of.checkpoint())
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(SimtouchError, match=r"step-00000001` cannot be read: .*remove it to go on from the one before it"):
        checkpoints.load(path)


def test_a_checkpoint_of_other_networks_is_refused(folder):
    of = training()
    path = checkpoints.save(folder, of.checkpoint())
    other = training()
    other.objective.head = torch.nn.Linear(24, 12)
    with pytest.raises(SimtouchError, match=r"`head.bias` has shape \(24,\) there and \(12,\) here"):
        other.go_on_from(checkpoints.load(path))


SETTINGS = {"config": {"lr": 1e-3, "seed": 0, "workers": 0, "out": "a"}, "algorithm": {"keep_share": 0.25}, "version": "1"}


def begun(path, step=0):
    made = RunFolder(path, SETTINGS, resume=True)
    made.begin(step)
    return made


def test_a_folder_that_holds_a_run_is_only_gone_on_with_if_asked(tmp_path):
    begun(tmp_path / "x")
    with pytest.raises(ArgumentError, match="holds a run already: `--resume` goes on with it"):
        RunFolder(tmp_path / "x", SETTINGS, resume=False)
    RunFolder(tmp_path / "x", SETTINGS, resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": SETTINGS["config"] | {"lr": 1e-4}}, "--lr is 0.001 there and 0.0001 here"),
        ({"algorithm": {"keep_share": 0.5}}, "algorithm keep_share is 0.25 there and 0.5 here"),
        ({"data": {"mixture": "b"}}, 'data mixture is null there and "b" here'),
    ],
)
def test_another_run_is_told_by_the_value_that_differs(tmp_path, change, said):
    begun(tmp_path / "x")
    with pytest.raises(ArgumentError, match=said):
        RunFolder(tmp_path / "x", SETTINGS | change, resume=True)


def test_what_does_not_change_the_numbers_may_change(tmp_path):
    begun(tmp_path / "x")
    RunFolder(tmp_path / "x", SETTINGS | {"config": SETTINGS["config"] | {"workers": 4, "out": "b"}, "version": "2"}, resume=True)


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("do not lose me")
    for resume in (False, True):
        with pytest.raises(ArgumentError, match=r"holds `thesis.tex`: give a new folder"):
            RunFolder(tmp_path, SETTINGS, resume=resume)
    with pytest.raises(ArgumentError, match=r"thesis.tex` is a file"):
        RunFolder(tmp_path / "thesis.tex" / "run", SETTINGS, resume=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_was_logged_after_the_checkpoint_is_forgotten(tmp_path):
    made = begun(tmp_path / "x")
    for step in range(5):
        made.log({"step": step, "loss": 1.0})
    made.log({"step": 4, "rank": 2.0}, monitor=True)
    with (tmp_path / "x" / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')  # killed here
    made.begin(4)
    assert [line["step"] for line in made.lines()] == [0, 1, 2, 3]
    assert [line["step"] for line in made.lines(monitor=True)] == [4]
