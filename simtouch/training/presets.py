"""Presets: what a config leaves open in, values out. `paper` is the published recipe; `laptop` ends in minutes on two cores.

`paper` is what the published configuration files say: their batch on each of 8 GPUs is the batch of a step here. Their paper states
others (150 epochs, batches of 100 and 150 a GPU), and its counts of parameters fit the files. `laptop` corrects what is known to be
wrong, has small heads, and a schedule of 100 parts that --steps stretches over the training. Its steps take less than 10 minutes of
two cores, data included. DINO's teachers are much sharper there: with tiny networks and few steps logits of one batch differ by a few
hundredths, and at the published temperatures, .04 to .07, their targets say next to nothing for most of the training.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from simtouch._checks import pick
from simtouch.training.config import PretrainConfig, check_numbers, check_warmup


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Values of `PretrainConfig` that it may leave open, and of the algorithm's own config."""

    values: dict[str, Any]
    algorithm: dict[str, Any]


_PAPER: dict[str, Any] = {
    "size": "base",
    "image_size": (320, 240),
    "patch_size": 16,
    "registers": 1,
    "positions": "sinusoidal",
    "layer_scale": 1.0,
    "drop_path": 0.0,
    "input_gain": 0.0,
    "epochs": 200,
    "batch_size": 512,
    "lr": 1e-4,
    "lr_start": 1e-5,
    "lr_final": 1e-6,
    "warmup_epochs": 30.0,
    "weight_decay": 0.04,
    "weight_decay_final": 0.4,
    "betas": (0.9, 0.999),
    "clip_norm": 10.0,
}
_LAPTOP: dict[str, Any] = {
    "size": "tiny",
    "image_size": (128, 96),
    "patch_size": 16,
    "registers": 1,
    "positions": "sinusoidal",
    "layer_scale": 1.0,
    "drop_path": 0.0,
    "input_gain": 20.0,
    "epochs": 100,
    "batch_size": 64,
    "lr": 3e-4,
    "lr_start": 1e-5,
    "lr_final": 1e-5,
    "warmup_epochs": 10.0,
    "weight_decay": 0.04,
    "weight_decay_final": 0.1,
    "betas": (0.9, 0.999),
    "clip_norm": 3.0,
}
_FEW_VIEWS: dict[str, Any] = {"steps": 300, "batch_size": 32, "lr": 5e-4}
_SMALL_HEAD: dict[str, Any] = {
    "out_dim": 1024,
    "hidden_dim": 256,
    "bottleneck_dim": 64,
    "local_views": 2,
    "teacher_temperature": (0.015, 0.03),
    "teacher_warmup_epochs": 100.0,
    "ema_momentum": 0.99,
    "same_view_pairs": False,
    "copy_head": True,
    "teacher_eval": True,
}
_SMALL_PREDICTOR: dict[str, Any] = {
    "predictor_dim": 96,
    "predictor_depth": 3,
    "predictor_heads": 3,
    "ema_momentum": (0.99, 1.0),
}
PRESETS: dict[str, dict[str, Preset]] = {
    "paper": {
        "mae": Preset(values=_PAPER | {"registers": 0, "betas": (0.9, 0.95)}, algorithm={}),
        "dino": Preset(values=_PAPER, algorithm={}),
        "dinov2": Preset(values=_PAPER | {"lr": 2e-3, "batch_size": 256, "layer_scale": 1e-5, "drop_path": 0.1}, algorithm={}),
        "ijepa": Preset(values=_PAPER | {"registers": 0, "lr": 1e-3, "lr_start": 2e-4}, algorithm={}),
        "vjepa": Preset(
            values=_PAPER | {"registers": 0, "positions": "learned", "lr": 6.25e-4, "lr_start": 2e-4, "warmup_epochs": 40.0},
            algorithm={},
        ),
    },
    "laptop": {
        "mae": Preset(
            values=_LAPTOP | {"betas": (0.9, 0.95), "steps": 700},
            algorithm={
                "decoder_dim": 96,
                "decoder_depth": 2,
                "decoder_heads": 3,
                "decoder_positions": "sinusoidal",
                "pixel_gain": 20.0,
            },
        ),
        "dino": Preset(values=_LAPTOP | _FEW_VIEWS, algorithm=_SMALL_HEAD | {"mean_of_pairs": True}),
        "dinov2": Preset(values=_LAPTOP | _FEW_VIEWS, algorithm=_SMALL_HEAD | {"ibot_matching": True}),
        "ijepa": Preset(values=_LAPTOP | {"steps": 400}, algorithm=_SMALL_PREDICTOR),
        "vjepa": Preset(
            values=_LAPTOP | {"steps": 300, "batch_size": 32}, algorithm=_SMALL_PREDICTOR | {"shared_mask_token": False}
        ),
    },
}


def settled(config: PretrainConfig) -> PretrainConfig:
    """`config` with all that it left open filled in from its preset.

    Raises:
        SimtouchError: A number that cannot be, an unknown name.
    """
    check_numbers(config)
    preset = preset_of(config)
    given = {f.name for f in fields(config) if getattr(config, f.name) is not None}
    values = {name: value for name, value in preset.values.items() if name not in given}
    if "epochs" in given and "steps" not in given:
        values["steps"] = None  # passes over the data were asked for
    out = config.out or Path("runs/pretrain", f"{config.algorithm}-{config.size or values['size']}")
    whole = replace(config, **values, out=out)
    check_warmup(whole)
    return whole


def preset_of(config: PretrainConfig) -> Preset:
    """The preset of a config's algorithm."""
    return pick("algorithm", config.algorithm, pick("preset", config.preset, PRESETS))
