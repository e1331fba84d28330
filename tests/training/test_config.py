"""The command line of pretraining: presets, what wins over them, and what is refused."""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import tyro

from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.models.ssl.algorithms import ALGORITHMS
from simtouch.training.clock import clock_at
from simtouch.training.config import NOT_OF_THE_NUMBERS, PretrainConfig, as_json
from simtouch.training.networks import algorithm_config, encoder_config
from simtouch.training.optimiser import rates
from simtouch.training.presets import PRESETS, settled

ROOT = Path(__file__).resolve().parents[2]


def read(line: str) -> PretrainConfig:
    return tyro.cli(PretrainConfig, args=line.split(), config=(tyro.conf.PositionalRequiredArgs,))


def test_the_command_line_of_the_manual_is_read():
    found = read("--algorithm dino --size tiny --data real_dir --data sim_dir --synthetic-share 0.5 --out runs/x")
    assert found == PretrainConfig(
        algorithm="dino", size="tiny", data=(Path("real_dir"), Path("sim_dir")), synthetic_share=0.5, out=Path("runs/x")
    )


def test_what_is_given_wins_over_the_preset():
    found = settled(read("--preset paper --algorithm ijepa --lr 0.5 --registers 3 --size small"))
    assert (found.lr, found.registers, found.size) == (0.5, 3, "small")
    assert (found.lr_start, found.epochs, found.batch_size) == (2e-4, 200, 512)
    assert settled(read("--epochs 7 --warmup-epochs 1")).steps is None
    assert settled(read("--epochs 20 --steps 9")).steps == 9


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_preset_leaves_nothing_open_and_fits_its_algorithm(preset, algorithm):
    found = settled(PretrainConfig(algorithm=algorithm, preset=preset))
    may_be_open = {"synthetic_share", "lag_ms", "checkpoint_every", "monitor_every"} | ({"steps"} if preset == "paper" else set())
    assert {f.name for f in fields(found) if getattr(found, f.name) is None} <= may_be_open
    shape = encoder_config(found)
    assert shape.window_shape[-2:] == found.image_size
    assert shape.image_size[0] * 3 == shape.image_size[1] * 4
    made = algorithm_config(found)
    assert (made == type(made)()) == (preset == "paper")


def test_the_paper_preset_is_the_published_table():
    """SPARSH 2: learning rate, start, final; warm-up; batch on 8 GPUs; registers, positions; stochastic depth."""
    rows = {name: settled(PretrainConfig(algorithm=name, preset="paper")) for name in ALGORITHMS}
    assert {n: (c.lr, c.lr_start, c.lr_final, c.warmup_epochs) for n, c in rows.items()} == {
        "mae": (1e-4, 1e-5, 1e-6, 30),
        "dino": (1e-4, 1e-5, 1e-6, 30),
        "dinov2": (2e-3, 1e-5, 1e-6, 30),
        "ijepa": (1e-3, 2e-4, 1e-6, 30),
        "vjepa": (6.25e-4, 2e-4, 1e-6, 40),
    }
    assert {n: (c.registers, c.positions) for n, c in rows.items() if c.registers or c.positions == "learned"} == {
        "dino": (1, "sinusoidal"),
        "dinov2": (1, "sinusoidal"),
        "vjepa": (0, "learned"),
    }
    for name, c in rows.items():
        assert (c.weight_decay, c.weight_decay_final, c.clip_norm, c.epochs, c.image_size) == (0.04, 0.4, 10, 200, (320, 240))
        assert c.batch_size == 8 * (32 if name == "dinov2" else 64)
        assert c.betas == ((0.9, 0.95) if name == "mae" else (0.9, 0.999))
        assert (c.layer_scale, c.drop_path) == ((1e-5, 0.1) if name == "dinov2" else (1.0, 0.0))


def test_the_laptop_preset_corrects_what_is_known_to_be_wrong():
    for name in ("dino", "dinov2"):
        made = algorithm_config(settled(PretrainConfig(algorithm=name)))
        assert (made.same_view_pairs, made.copy_head, made.teacher_eval) == (False, True, True)


def test_a_schedule_over_steps_is_that_over_epochs_in_other_words():
    by_epochs = settled(PretrainConfig(preset="paper"))
    by_steps = replace(by_epochs, steps=200 * 5)
    for step in (0, 149, 150, 700, 999):
        assert rates(by_epochs, clock_at(by_epochs, step, 5)) == pytest.approx(rates(by_steps, clock_at(by_steps, step, 77)))
    assert clock_at(by_steps, 30, 77).epoch == pytest.approx(6)
    assert clock_at(replace(by_steps, steps=30), 29, 77).total_steps == 30


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 0}, "`--steps` must be a whole number >= 1; got 0"),
        ({"epochs": -1}, "`--epochs` must be a whole number >= 1"),
        ({"batch_size": 0}, "`--batch-size` must be a whole number >= 1"),
        ({"workers": -1}, "`--workers` must be a whole number >= 0"),
        ({"lr": float("nan")}, "`--lr` must be a finite number"),
        ({"synthetic_share": 1.5}, "synthetic-share` must be a finite number >= 0 and <= 1"),
        ({"drop_path": 1.0}, "drop-path"),
        ({"size": "tinny"}, "`tinny` is not a known size. Did you mean `tiny`?"),
        ({"preset": "papr"}, "`papr` is not a known preset. Did you mean `paper`?"),
        ({"algorithm": "moco"}, "`moco` is not a known algorithm"),
        ({"precision": "64"}, "`64` is not a known precision"),
        ({"preset": "paper", "epochs": 20}, "a warm-up of 30 epochs does not fit into 20"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, said):
    with pytest.raises((ArgumentError, UnknownNameError)) as error:
        settled(PretrainConfig(**given))
    assert said in str(error.value)


def test_values_of_the_algorithm_are_set_by_name():
    found = algorithm_config(PretrainConfig(algorithm="dino", set=("teacher_eval=false", "out_dim=48", "global_scale=[0.5, 1]")))
    assert (found.teacher_eval, found.out_dim, found.global_scale) == (False, 48, (0.5, 1))
    assert found.copy_head  # of the preset
    assert algorithm_config(PretrainConfig(algorithm="mae", set=("decoder_positions=learned",))).decoder_positions == "learned"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teacher_evil=true", "Did you mean `teacher_eval`"),
        ("teacher_eval", "wants name=value"),
        ("teacher_eval=3", "must be bool; got '3'"),
        ("out_dim=many", "must be int; got 'many'"),
        ("out_dim=1.5", "must be int"),
    ],
)
def test_a_value_that_the_algorithm_does_not_take_is_refused(text, said):
    with pytest.raises(SimtouchError, match=said):
        algorithm_config(PretrainConfig(algorithm="dino", set=(text,)))


def test_a_config_is_plain_json_and_names_what_may_change():
    import json

    found = as_json(settled(PretrainConfig(data=(Path("a"),))))
    assert json.loads(json.dumps(found)) == found
    assert {f.name for f in fields(PretrainConfig)} >= NOT_OF_THE_NUMBERS


def test_help_and_the_config_need_no_torch():
    code = "import sys; sys.modules['torch'] = None; import simtouch.pretrain; import simtouch.training.presets"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
