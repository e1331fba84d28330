"""A whole pretraining: a config in, a folder with the encoder, its log and what its features are worth out.

result = pretrain(PretrainConfig(algorithm="dino", data=(Path("runs/digit"),), out=Path("runs/pretrain/x")))
"""

from pathlib import Path
from typing import Any

import torch

from simtouch import __version__
from simtouch._checks import SimtouchError
from simtouch._verb import CtrlC
from simtouch.models.checkpoint import save_encoder
from simtouch.training import checkpoints, memory
from simtouch.training.clock import clock_at
from simtouch.training.config import PretrainConfig, as_json
from simtouch.training.devices import start_fabric
from simtouch.training.feed import Feed, FeedConfig
from simtouch.training.loop import StepReport, Training
from simtouch.training.networks import algorithm_config, build, compile_blocks, config_as_json, encoder_config
from simtouch.training.presets import settled
from simtouch.training.progress import Progress
from simtouch.training.run_folder import RunFolder
from simtouch.training.watch import Watch, looks


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Train to the end and return what `result.json` holds; see the module.

    Raises:
        SimtouchError: What cannot be, in one sentence. Before the first step nothing was written; after it the last checkpoint is kept.
    """
    config = settled(config)
    assert config.out is not None
    settings = {"config": as_json(config), "algorithm": config_as_json(algorithm_config(config))}
    settings |= {"encoder": config_as_json(encoder_config(config)), "version": __version__}
    RunFolder(config.out, settings, resume=config.resume)  # what cannot be written is said before anything is opened
    fabric = start_fabric(config)
    objective = build(config)
    feed = make_feed(config, objective.window, fabric)
    folder = RunFolder(config.out, settings | {"data": fingerprint(feed)}, resume=config.resume)
    if (result := folder.result) is not None:
        return result
    _check_memory(config, objective, feed, fabric)
    if config.compile:
        compile_blocks(objective)
    training = Training(config, fabric, objective, feed)
    if (last := folder.last_checkpoint) is not None:
        training.go_on_from(checkpoints.load(last))
    watch = Watch(config, training, folder.pictures) if config.monitor_every != 0 else None
    fabric.barrier()
    if fabric.is_global_zero:
        folder.begin(training.step)
    try:
        return _train(training, folder, watch)
    except SimtouchError as error:
        raise SimtouchError(f"{str(error).rstrip('.')}. {_what_is_kept(folder)}") from error


def make_feed(config: PretrainConfig, window: Any, fabric: Any) -> Feed:
    """The data of this rank."""
    assert config.image_size is not None
    assert config.batch_size is not None
    shown = FeedConfig(
        data=config.data,
        synthetic_share=config.synthetic_share,
        image_size=config.image_size,
        background=config.background,
        lag_ms=config.lag_ms,
        allow_sensor_mix=config.allow_sensor_mix,
        augment=config.augment,
        workers=config.workers,
        seed=config.seed,
    )
    each = config.batch_size // fabric.world_size
    return Feed(shown, window, batch_size=each, rank=fabric.global_rank, world_size=fabric.world_size, device=fabric.device)


def fingerprint(feed: Feed) -> dict[str, Any]:
    """What the data are, whatever their folders are called."""
    mixture = feed.mixture
    return {
        "mixture": mixture.fingerprint,
        "sources": list(mixture.source_names),
        "shares": [round(share, 6) for share in mixture.shares],
        "windows": mixture.windows,
    }


def _check_memory(config: PretrainConfig, objective, feed: Feed, fabric: Any) -> None:
    """Refuse a batch that cannot fit."""
    assert config.batch_size
    images = torch.zeros(2, *objective.encoder.config.window_shape)
    clock = clock_at(config, 0, feed.steps_per_epoch)
    with torch.random.fork_rng(devices=[]), memory.explained_when_full(2):
        each = memory.bytes_for_backward(objective.train(), images, clock)
    samples = config.batch_size // fabric.world_size // config.accumulate
    share = 0.5 if config.precision != "32" else 1.0  # of what 32 bits need, at least
    needed = share * each * samples + memory.weight_bytes(objective)
    memory.check_fits(needed, fabric.device, samples=config.batch_size, processes=memory.processes_beside(fabric.device))


def _train(training: Training, folder: RunFolder, watch: Watch | None) -> dict[str, Any]:
    """From where it is to the end."""
    config, fabric = training.config, training.fabric
    total = training.clock.total_steps
    every = config.checkpoint_every or min(1000, max(1, total // 10))
    begun = training.step
    with (
        CtrlC() as ctrl_c,
        Progress(config, folder, step=begun, total_steps=total, first_rank=fabric.is_global_zero) as progress,
    ):

        def done(report: StepReport) -> None:
            ctrl_c.check()
            progress.step(report)
            if training.step % every == 0 or training.step == total:
                kept = training.checkpoint()
                if fabric.is_global_zero:
                    checkpoints.save(folder.checkpoints, kept, keep=config.keep)
            if watch is not None and looks(training.step, total, config.monitor_every):
                watch.look(progress)

        if watch is not None and begun == 0:
            watch.look(progress)
        training.run(done)
        encoder = training.whole_encoder()
        return _finish(training, folder, encoder, progress) if fabric.is_global_zero else {}


def _finish(training: Training, folder: RunFolder, encoder, progress: Progress) -> dict[str, Any]:
    """Encoder and result."""
    config, log, monitors = training.config, folder.lines(), folder.lines(monitor=True)
    metadata = {"algorithm": config.algorithm, "training": as_json(config), "seed": config.seed}
    data = list(training.feed.mixture.source_names) if isinstance(training.feed, Feed) else []
    path = save_encoder(folder.path, encoder, metadata | {"data": data})
    result = {
        "steps": training.step,
        "windows_seen": training.step * (config.batch_size or 0),
        "first_loss": log[0]["loss"] if log else None,
        "last_loss": log[-1]["loss"] if log else None,
        "images_per_s": round(progress.images_per_s, 2),
        "seconds": round(progress.seconds, 1),
        "device": str(training.fabric.device),
        "processes": training.fabric.world_size,
        "monitors": {"first": monitors[0], "last": monitors[-1]} if monitors else None,
        "file": path.name,
    }
    folder.finish(result)
    return folder.result or result


def _what_is_kept(folder: RunFolder) -> str:
    last: Path | None = folder.last_checkpoint
    if last is None:
        return "There is no checkpoint yet."
    return f"The last good checkpoint is `{last}`; `--resume` goes on with it."
