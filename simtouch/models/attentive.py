"""Attentive probes: an encoder, a head and labelled batches in, the head that reads the label best from validation clips out.

    from simtouch.models.attentive import force_task, train_probe
    from simtouch.models.heads import ForceProbe

    task = force_task((4.0, 4.0, 5.0), bounded=True)
    probe = train_probe(encoder, lambda: ForceProbe(192, 3), train_batches, val_batches, task=task, mode="frozen", epochs=20)
    error_n = probe.predict(test_batches) - force_n

`frozen` trains the head alone, `fine-tuned` the encoder too, gently; `end-to-end` is the same network from a random start, the
comparison that says what pretraining was worth. Test clips are never seen. Ref: Higuera et al., "Sparsh", CoRL 2024, section 4.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.models.features import unpack
from simtouch.models.scores import balanced_accuracy, f1_score, mean_absolute_error
from simtouch.models.vit import VisionTransformer
from simtouch.stream.mixing import unit_floats

Mode = Literal["frozen", "fine-tuned", "end-to-end"]
_MODES = ("frozen", "fine-tuned", "end-to-end")


@dataclass(frozen=True, kw_only=True)
class ProbeTask:
    """What a head is taught, and how it is judged."""

    label: str
    """Name of the label of the batches."""
    target: Callable[[np.ndarray], torch.Tensor]
    """Labels of a batch to what the loss compares with."""
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    """Of (output of the head, target)."""
    answer: Callable[[torch.Tensor], np.ndarray]
    """Output of the head to labels, in their unit."""
    error: Callable[[np.ndarray, np.ndarray], float]
    """Of (labels, answers), the smaller the better: what validation clips choose by."""


def force_task(scale_n: Sequence[float], *, label: str = "force_n", beta: float = 0.02, bounded: bool = False) -> ProbeTask:
    """Force [N]: smooth L1 of scaled forces, judged by the mean absolute error [N].

    Args:
        scale_n: What a scaled force of 1 is [N], (x, y, z), see `heads.FORCE_SCALE_N`.
        label: Of the batches, (B, 3); the force on the gel, whose z is negative in a press.
        beta: Where smooth L1 turns from square to straight.
        bounded: The head answers z in (0, 1), as the published one: its sign is turned.
    """
    scale = torch.tensor([as_number("scale_n", s, above=0) for s in scale_n]) * torch.tensor([1.0, 1.0, -1.0 if bounded else 1.0])
    return ProbeTask(
        label=label,
        target=lambda y: torch.as_tensor(y, dtype=torch.float32) / scale,
        loss=lambda out, y: F.smooth_l1_loss(out, y, beta=beta),
        answer=lambda out: (out.cpu() * scale).numpy(),
        error=mean_absolute_error,
    )


def class_task(
    label: str,
    classes: Sequence[str],
    *,
    weights: Sequence[float] | None = None,
    select: Literal["balanced_accuracy", "f1"] = "balanced_accuracy",
) -> ProbeTask:
    """Classes by name: weighted cross-entropy, judged by 1 minus the balanced accuracy, or the F1 of the last class.

    Args:
        label: Of the batches: words, of which all that are not in `classes` count as the first.
        classes: Names, in the order of the head's outputs.
        weights: Of the classes in the loss; by default equal.
        select: What validation clips choose by.
    """
    place = {name: i for i, name in enumerate(classes)}
    score = pick("selection", select, {"balanced_accuracy": balanced_accuracy, "f1": f1_score})
    positive = {"positive": len(classes) - 1} if select == "f1" else {}
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    numbers = lambda y: np.array([place.get(str(v), 0) for v in y])  # noqa: E731
    return ProbeTask(
        label=label,
        target=lambda y: torch.from_numpy(numbers(y)),
        loss=lambda out, y: F.cross_entropy(out, y, weight=None if weight is None else weight.to(out.device)),
        answer=lambda out: np.asarray(classes)[out.argmax(1).cpu().numpy()],
        error=lambda y, found: 1 - float(np.nan_to_num(score(numbers(y), numbers(found), **positive))),
    )


@dataclass(frozen=True, kw_only=True)
class TrainedProbe:
    """What came out, as it was where validation clips liked it best."""

    encoder: nn.Module
    """The one given where it was frozen, else a trained copy."""
    head: nn.Module
    task: ProbeTask
    best_epoch: int
    """Counted from 1; 0 if training never helped."""
    errors: tuple[float, ...]
    """On validation clips before the first epoch and after each."""

    @torch.no_grad()
    def predict(self, batches: Iterable) -> np.ndarray:
        """Answers for all windows of `batches`, as `train_probe` takes them, in the unit of the label."""
        self.encoder.eval()
        self.head.eval()
        return np.concatenate([self.task.answer(self.head(self.encoder(x))) for x, _ in _images(batches, None, self.encoder)])


def train_probe(
    encoder: VisionTransformer | None,
    head: Callable[[], nn.Module],
    train_batches: Iterable,
    val_batches: Iterable,
    *,
    task: ProbeTask,
    mode: Mode = "frozen",
    epochs: int = 20,
    batch_size: int = 100,
    lr: float = 1e-4,
    encoder_lr: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    cache: bool = True,
) -> TrainedProbe:
    """Train a head, and the encoder where `mode` says so, with Adam; keep what does best on validation clips.

    Args:
        encoder: What reads the windows; it is left as it is. None: the batches hold tokens (B, N, D) instead of images.
        head: Makes a new head, which `seed` draws; it takes patch tokens (B, N, D).
        train_batches, val_batches: What can be iterated again and again: a loader, or a list, of batches as `encode` takes them.
        task: What is taught.
        mode: See the module.
        epochs: Passes over the training batches.
        batch_size: Windows of a step where tokens are kept in memory; else a batch is a step.
        lr: Learning rate [1/step]; the published one by default, for a head of base size and tens of thousands of windows.
        encoder_lr: Of the encoder; by default lr / 10 if fine-tuned and lr end-to-end.
        patience: Stop after so many epochs without a better one.
        seed: Of the head, of an end-to-end encoder and of the order.
        cache: Keep the tokens of a frozen encoder in memory instead of encoding anew each epoch.

    Raises:
        SimtouchError: No windows, a label that is not there or not finite, or a loss that is not.
    """
    pick("mode", mode, dict.fromkeys(_MODES))
    if epochs < 1 or batch_size < 1:
        raise ArgumentError(f"`epochs` and `batch_size` must be >= 1; got {epochs} and {batch_size}.")
    if encoder is None and mode != "frozen":
        raise ArgumentError(f"without an encoder there is nothing to train but a head: `mode` must be frozen; got {mode}.")
    given = _Tokens() if encoder is None else encoder
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = head().to(_device(given))
        reader = given if mode == "frozen" else copy.deepcopy(given)
        if mode == "end-to-end" and isinstance(reader, VisionTransformer):
            reader.init_weights()
        kept = mode == "frozen" and cache
        train, val = (_Source(b, task, reader, batch_size if kept else None) for b in (train_batches, val_batches))
        groups = [{"params": made.parameters(), "lr": lr}]
        if mode != "frozen":
            rate = encoder_lr if encoder_lr is not None else (lr / 10 if mode == "fine-tuned" else lr)
            groups.append({"params": reader.requires_grad_(True).parameters(), "lr": rate})
        fit = _Fit(reader, made, task, torch.optim.Adam(groups), trains_encoder=mode != "frozen")
        fit.judge(val)
        for _ in range(epochs):
            fit.epoch(train)
            fit.judge(val)
            if patience is not None and len(fit.errors) - 1 - fit.best > patience:
                break
    return fit.result()


class _Tokens(nn.Module):
    """Stands for the encoder where tokens were made before."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def _device(module: nn.Module) -> torch.device:
    first = next(module.parameters(), None)
    return torch.device("cpu") if first is None else first.device


class _Source:
    """Batches of (images, target) or, where `rows` says how many a batch, of kept (tokens, target)."""

    def __init__(self, batches: Iterable, task: ProbeTask, encoder: nn.Module, rows: int | None):
        if isinstance(batches, Iterator):
            raise ArgumentError("batches must be a list or a loader, for they are gone through once an epoch; got an iterator.")
        self.batches, self.task, self.encoder, self.rows = batches, task, encoder, rows
        if rows is not None:
            encoder.eval()
            with torch.no_grad():
                found = [(encoder(x), y) for x, y in _images(batches, task.label, encoder)]
            self.tokens = torch.cat([x for x, _ in found]) if found else torch.empty(0)
            self.labels = np.concatenate([y for _, y in found]) if found else np.empty(0)

    def __call__(self, *, shuffled: bool) -> Iterator[tuple[torch.Tensor, bool, np.ndarray]]:
        """(images or tokens, whether they are tokens, labels)."""
        if self.rows is None:
            yield from ((x, False, y) for x, y in _images(self.batches, self.task.label, self.encoder, shuffled=shuffled))
            return
        if len(self.tokens) == 0:
            return
        order = torch.randperm(len(self.tokens)) if shuffled else torch.arange(len(self.tokens))
        for chosen in order.split(self.rows):
            yield self.tokens[chosen.to(self.tokens.device)], True, self.labels[chosen.numpy()]


def _images(batches: Iterable, label: str | None, encoder: nn.Module, *, shuffled: bool = False):
    """(float images where the encoder is, labels) of each batch; the order of a list is drawn, a loader has its own."""
    device = _device(encoder)
    if shuffled and isinstance(batches, list):
        batches = [batches[i] for i in torch.randperm(len(batches)).tolist()]
    for batch in batches:
        images, named, _ = unpack(batch)
        y = np.zeros(len(images)) if label is None else np.asarray(pick("label of the batches", label, named))
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ArgumentError(f"`{label}` must be known for every window; it holds NaN or infinity.")
        yield unit_floats(images.to(device, non_blocking=True)), y


class _Fit:
    """A training that remembers its best state."""

    def __init__(self, encoder: nn.Module, head: nn.Module, task: ProbeTask, optimiser, *, trains_encoder: bool):
        self.encoder, self.head, self.task, self.optimiser, self.trains_encoder = encoder, head, task, optimiser, trains_encoder
        self.errors: list[float] = []
        self.best = 0
        self._state: list[dict] = []

    def epoch(self, source: _Source) -> None:
        self._train(True)
        for x, are_tokens, y in source(shuffled=True):
            tokens = x if are_tokens else self._tokens(x)
            out = self.head(tokens)
            loss = self.task.loss(out, self.task.target(y).to(out.device))
            if not torch.isfinite(loss):
                raise SimtouchError(f"the loss of the probe is {loss.item()} in epoch {len(self.errors)}: try a smaller `lr`.")
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    @torch.no_grad()
    def judge(self, source: _Source) -> None:
        """Error on validation windows; the state is kept if it is the best so far."""
        self._train(False)
        found = [(y, self.task.answer(self.head(x if kept else self.encoder(x)))) for x, kept, y in source(shuffled=False)]
        if not found:
            raise ArgumentError("the validation batches held no window.")
        self.errors.append(self.task.error(*(np.concatenate(part) for part in zip(*found, strict=True))))
        if not self._state or self.errors[-1] < self.errors[self.best]:
            self.best = len(self.errors) - 1
            self._state = [copy.deepcopy(m.state_dict()) for m in self._trained()]

    def result(self) -> TrainedProbe:
        for module, state in zip(self._trained(), self._state, strict=True):
            module.load_state_dict(state)
        self._train(False)
        return TrainedProbe(encoder=self.encoder, head=self.head, task=self.task, best_epoch=self.best, errors=tuple(self.errors))

    def _trained(self) -> list[nn.Module]:
        return [self.head, self.encoder] if self.trains_encoder else [self.head]

    def _train(self, mode: bool) -> None:
        self.head.train(mode)
        self.encoder.train(mode and self.trains_encoder)

    def _tokens(self, images: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(self.trains_encoder):
            return self.encoder(images)
