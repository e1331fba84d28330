"""Looks at the features while they are learned: a training in, feature rank, probe scores, pictures and a loud word on collapse out."""

from pathlib import Path
from typing import Any

import torch

from simtouch.stream.mixing import loader
from simtouch.training.config import PretrainConfig
from simtouch.training.loop import Training
from simtouch.training.monitors import Monitor
from simtouch.training.progress import Progress

_PICTURES, _LOOKED_AT = 4, 32  # the first windows are often empty: shown are those with the most contrast of these


class Watch:
    """What is looked at during a run: held-out windows by `Monitor`, pictures of the first windows of the training.

    Args:
        config: Settled.
        training: What is looked at; its feed is `simtouch.training.feed.Feed`.
        pictures: Folder for them.
    """

    def __init__(self, config: PretrainConfig, training: Training, pictures: Path):
        self._config, self._training, self._folder = config, training, pictures
        self._speaks = training.fabric.is_global_zero
        feed: Any = training.feed
        self._monitor = Monitor(feed.config, training.objective.window) if self._speaks else None
        self._images: torch.Tensor | None = None

    def look(self, progress: Progress) -> None:
        """Measure and draw. Every rank must come here, the first one does it; chance of the training stays as it was."""
        encoder, step = self._training.whole_encoder(), self._training.step
        if self._monitor is None:
            return
        with torch.random.fork_rng(devices=[]):
            values = self._monitor(encoder)
        progress.look(values, step)
        if values["collapsed"]:
            progress.say(
                f"COLLAPSE after step {step}: features use {values['feature_rank']:.3g} directions, spread {values['feature_std']:.3g}. "
                "What is learned from here on is worth little: stop, and try a smaller `--lr`, a longer warm-up or a larger batch."
                if step
                else f"the random encoder's features use {values['feature_rank']:.3g} directions, spread {values['feature_std']:.3g}."
            )
        if self._config.strategy != "fsdp":  # where no process holds all weights
            self._draw(progress, step)

    def _draw(self, progress: Progress, step: int) -> None:
        from simtouch.training.pictures import save_pictures

        training = self._training
        images = self._some_images()
        path = self._folder / f"step-{step:08d}.png"
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            save_pictures(training.objective, images, training.draws_of(len(images)), path, windows=_PICTURES)
        training.objective.train()
        progress.picture(path, step)

    def _some_images(self) -> torch.Tensor:
        """The same windows each time, the first of the training, not augmented."""
        if self._images is None:
            feed: Any = self._training.feed
            batch = next(iter(loader(feed.mixture, batch_size=min(_LOOKED_AT, len(feed.mixture)))))
            self._images = batch.to(self._training.fabric.device).images
        return self._images


def looks(step: int, total: int, every: int | None) -> bool:
    """Whether the features are looked at after `step` steps: every so many, and at the end."""
    return step == total or step % (every or min(5000, max(1, total // 4))) == 0
