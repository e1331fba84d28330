"""A few steps of small trainings, started once or by torchrun: `rank_script.py OUT STEPS ALGORITHM[:STRATEGY] ...`."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from simtouch.models.ssl.algorithms import ALGORITHMS
from simtouch.models.vit import EncoderConfig
from simtouch.training.devices import start_fabric
from simtouch.training.loop import Training
from simtouch.training.networks import build_seeded
from simtouch.training.presets import PRESETS
from tests.training import standins

BATCH = 8


def small(algorithm: str, seed: int):
    """Networks of a few thousand weights; 48 patches, so that every sampler of masks has room."""
    if algorithm == "stand-in":
        return standins.objective(seed), (6, 32, 24)
    video = ALGORITHMS[algorithm].objective.window == "video"
    shape = EncoderConfig(
        embed_dim=24,
        depth=2,
        num_heads=2,
        patch_size=8,
        image_size=(64, 48),
        channels=3 if video else 6,
        num_frames=4 if video else 1,
        drop_path=0.1,
    )
    changes = dict(PRESETS["laptop"][algorithm].algorithm)
    changes |= {k: 32 for k in ("out_dim", "hidden_dim", "bottleneck_dim") if k in changes}
    changes |= {k: 24 for k in ("decoder_dim", "predictor_dim") if k in changes}
    return build_seeded(algorithm, shape, ALGORITHMS[algorithm].config(**changes), seed), shape.window_shape


def main(out: str, steps: str, *wanted: str) -> None:
    found = {}
    for name in wanted:
        algorithm, _, strategy = name.partition(":")
        objective, shape = small(algorithm, seed=0)
        config = replace(standins.CONFIG, steps=int(steps), batch_size=BATCH, lr=1e-3, strategy=strategy or "auto")
        fabric = start_fabric(config)
        feed = standins.MadeUpFeed(BATCH // fabric.world_size, fabric.global_rank, fabric.world_size, shape=shape)
        lines: list[dict[str, float]] = []
        training = Training(config, fabric, objective, feed)
        training.run(lambda report, lines=lines: lines.append({**report.losses, "grad_norm": report.grad_norm}))
        kept = training.checkpoint()  # every rank takes part
        lines.append({"weights": sum(float(t.double().abs().sum()) for t in kept.model.values())})
        found[name] = lines
    if fabric.is_global_zero:
        Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
