"""The command line of pretraining: one dataclass in, the same one with nothing left open out (see `simtouch.training.presets`).

Light to import: neither PyTorch nor a stream is touched here.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from simtouch._checks import ArgumentError, as_number, pick

Size = Literal["tiny", "small", "base", "large", "giant2"]
AlgorithmName = Literal["mae", "dino", "dinov2", "ijepa", "vjepa"]


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """What to pretrain, on what, how. What is None comes from the preset; what is given wins over it."""

    algorithm: AlgorithmName = "mae"
    """What is learned from."""
    data: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Folder of a stream of `generate`, or of real recordings. Say it once a folder."""
    synthetic_share: float | None = None
    """Part of the samples that is synthetic, in [0, 1]; by default every window counts the same."""
    out: Path | None = None
    """Folder of the run; by default runs/pretrain/ALGORITHM-SIZE. It must be new, or hold the same run with --resume."""
    preset: Literal["paper", "laptop"] = "laptop"
    """`paper`: the published recipe, 200 epochs on GPUs. `laptop`: a tiny encoder in minutes on two cores, known defects corrected."""
    size: Size | None = None
    """Width and depth of the encoder; paper: base, laptop: tiny."""
    image_size: tuple[int, int] | None = None
    """(H, W) of the images, upright; multiples of the patch."""
    patch_size: int | None = None
    """Side of a patch [px]."""
    registers: int | None = None
    """Register tokens."""
    positions: Literal["sinusoidal", "learned"] | None = None
    """Code of the places of patches."""
    layer_scale: float | None = None
    """Initial LayerScale."""
    input_gain: float | None = None
    """The map of patches begins so many times as large, with 0 for no change in a difference image; 0 begins as usual."""
    drop_path: float | None = None
    """Probability that a branch of the student is left out in a step."""
    epochs: int | None = None
    """Passes over the data. With --steps: parts that the steps are cut into, which warm-ups are counted in."""
    steps: int | None = None
    """Steps of the whole training, instead of passes over the data."""
    batch_size: int | None = None
    """Windows of a step, of all processes together."""
    accumulate: int = 1
    """Parts that each process cuts its batch into to save memory. Terms that compare samples see one part at a time."""
    lr: float | None = None
    """Highest learning rate."""
    lr_start: float | None = None
    """Learning rate of the first step."""
    lr_final: float | None = None
    """Learning rate of the last step."""
    warmup_epochs: float | None = None
    """Epochs from the first to the highest learning rate."""
    weight_decay: float | None = None
    """At the start."""
    weight_decay_final: float | None = None
    """At the end."""
    betas: tuple[float, float] | None = None
    """Of AdamW."""
    clip_norm: float | None = None
    """Largest norm of the gradient; longer ones are shortened to it."""
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A value of the algorithm's own config, as `teacher_eval=true`; once a value. `--set help` lists them."""
    augment: bool = True
    """Flip, crop and rotate, each window its own way."""
    background: Literal["subtract", "first", "optional", "none"] = "first"
    """Difference images: to the clip's background, `first`: where it has none to its first frame, `optional`: where it has one."""
    lag_ms: float | None = None
    """From one frame of a window to the next [ms], for data of several frame rates; by default frames are counted, as published."""
    allow_sensor_mix: bool = False
    """Take folders of different types of sensors."""
    precision: Literal["32", "bf16", "16"] = "32"
    """Of the networks' arithmetic; weights and losses stay in 32 bits."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """What computes."""
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    """Several processes (`torchrun`): ddp, whole weights in each; fsdp, each a part of the weights."""
    compile: bool = False
    """Compile the blocks of the networks: minutes at the start, faster steps."""
    workers: int = 0
    """Decoding processes of each training process."""
    seed: int = 0
    """Of everything random."""
    resume: bool = False
    """Go on with the last checkpoint of --out; begin if there is none."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; by default a tenth of the training, 1000 at most."""
    monitor_every: int | None = None
    """Steps between looks at the features (rank, collapse, probe, pictures), of which one is at the start and one at the end;
    0 for none. By default a quarter of the training, 5000 at most."""
    keep: int = 1
    """Checkpoints to keep."""
    log_every: int = 1
    """Steps between lines of the log."""


NOT_OF_THE_NUMBERS = frozenset(
    ("out", "data", "resume", "preset", "device", "compile", "workers", "checkpoint_every", "monitor_every", "keep", "log_every")
)
"""Fields that a resumed run may change; data are told apart by what is in them, not by where they lie."""


def check_numbers(config: PretrainConfig) -> None:
    """Raise about the first number that cannot be; fields that are None are not looked at.

    Raises:
        ArgumentError: It names the flag.
        UnknownNameError: An unknown size.
    """
    whole = ("epochs", "steps", "batch_size", "accumulate", "patch_size", "keep", "log_every", "checkpoint_every")
    least = dict.fromkeys(whole, 1) | dict.fromkeys(("registers", "workers", "seed", "monitor_every"), 0)
    for name, bound in least.items():
        value = getattr(config, name)
        if value is not None and (type(value) is not int or value < bound):
            raise ArgumentError(f"`{flag(name)}` must be a whole number >= {bound}; got {value!r}.")
    for name in ("lr", "lr_start", "lr_final", "warmup_epochs", "weight_decay", "weight_decay_final", "input_gain"):
        if (value := getattr(config, name)) is not None:
            as_number(flag(name), value, at_least=0)
    if config.clip_norm is not None:
        as_number(flag("clip_norm"), config.clip_norm, above=0)
    if config.synthetic_share is not None:
        as_number(flag("synthetic_share"), config.synthetic_share, at_least=0, at_most=1)
    if config.drop_path is not None:
        as_number(flag("drop_path"), config.drop_path, at_least=0, below=1)
    if config.betas is not None:
        for beta in config.betas:
            as_number(flag("betas"), beta, at_least=0, below=1)
    for name in ("algorithm", "size", "positions", "precision", "device", "strategy", "background"):
        if (value := getattr(config, name)) is not None:
            pick(name, value, dict.fromkeys(_choices(name)))


def check_warmup(config: PretrainConfig) -> None:
    """Raise if a settled config never reaches its learning rate."""
    if config.warmup_epochs is not None and config.epochs is not None and config.warmup_epochs >= config.epochs:
        raise ArgumentError(
            f"a warm-up of {config.warmup_epochs:g} epochs does not fit into {config.epochs}: give a smaller `--warmup-epochs`, "
            "or `--steps`, which stretches the whole schedule over so many steps."
        )


def as_json(config: PretrainConfig) -> dict[str, Any]:
    """All fields as plain JSON."""
    return {k: _plain(v) for k, v in asdict(config).items()}


def flag(name: str) -> str:
    """A field as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def _choices(name: str) -> tuple[str, ...]:
    """The values of a `Literal` field."""
    from typing import get_args, get_type_hints

    found: list[str] = []
    stack = [get_type_hints(PretrainConfig)[name]]
    while stack:
        for arg in get_args(stack.pop()):
            if isinstance(arg, str):
                found.append(arg)
            else:
                stack.append(arg)
    return tuple(found)
