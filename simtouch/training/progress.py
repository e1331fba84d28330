"""What a person sees of a training: step reports in, a progress bar with ETA, log lines, tensorboard curves and warnings out."""

import sys
import time
from pathlib import Path
from typing import Any

from simtouch._checks import MissingExtraError
from simtouch.training.config import PretrainConfig
from simtouch.training.loop import StepReport
from simtouch.training.run_folder import RunFolder

_SMOOTHING = 0.1


class Progress:
    """Bar, log and curves of a run, on the first rank; on others it does nothing.

    Args:
        config: Settled.
        folder: Of the run, begun.
        step: Steps done so far.
        total_steps: Of the whole training.
        first_rank: Whether this process is the one that speaks.
    """

    def __init__(self, config: PretrainConfig, folder: RunFolder, *, step: int, total_steps: int, first_rank: bool):
        from tqdm import tqdm

        self._config, self._folder, self._speaks = config, folder, first_rank
        self._rate: float | None = None
        self._bar = tqdm(
            total=total_steps, initial=step, unit=" steps", desc=config.algorithm, smoothing=0.1, disable=not first_rank
        )
        self._curves = curves(folder.tensorboard, step) if first_rank else None
        self.seconds = 0.0
        """In steps, without checkpoints and looks at the features."""
        self.windows = 0
        """Seen since this process began."""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        if self._curves is not None:
            self._curves.close()

    @property
    def images_per_s(self) -> float:
        """Windows a second since this process began, of all ranks together."""
        return self.windows / self.seconds if self.seconds else 0.0

    def step(self, report: StepReport) -> None:
        """Note a step."""
        batch = self._config.batch_size or 0
        self.seconds, self.windows = self.seconds + report.seconds, self.windows + batch
        now = batch / report.seconds
        self._rate = now if self._rate is None else self._rate + _SMOOTHING * (now - self._rate)
        if not self._speaks:
            return
        self._bar.set_postfix_str(f"loss {report.losses['loss']:.4g}, {self._rate:.3g} images/s", refresh=False)
        self._bar.update()
        if report.step % self._config.log_every == 0 or report.step + 1 == self._bar.total:
            line = {**report.losses, "lr": report.lr, "weight_decay": report.weight_decay, "grad_norm": report.grad_norm}
            self._folder.log({"step": report.step, **line, "images_per_s": round(now, 2)})
            self.scalars({**line, "images_per_s": self._rate}, report.step)

    def look(self, values: dict[str, Any], step: int) -> None:
        """Note what the features are worth after `step` steps."""
        if self._speaks:
            self._folder.log({"step": step, **values}, monitor=True)
            numbers = {k: float(v) for k, v in values.items() if isinstance(v, int | float)}
            self.scalars({f"monitor/{k}": v for k, v in numbers.items()}, step)
            told = ", ".join(f"{k} {v:.4g}" for k, v in numbers.items())
            self.say(f"step {step}: {told}")

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each curve."""
        if self._curves is not None:
            for name, value in values.items():
                self._curves.add_scalar(name, value, step)

    def picture(self, path: Path, step: int) -> None:
        """Show a PNG beside the curves."""
        if self._curves is not None:
            import numpy as np
            from PIL import Image

            with Image.open(path) as image:
                self._curves.add_image("pictures", np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._speaks:
            self._bar.write(text, file=sys.stderr)


def curves(folder: Path, step: int) -> Any:
    """A tensorboard writer that forgets what an earlier process logged from `step` on.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(f"curves need tensorboard ({error}): pip install 'simtouch[train]'") from error
    return SummaryWriter(str(folder), purge_step=step or None, flush_secs=30)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self):
        self._begin = time.perf_counter()

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self._begin
