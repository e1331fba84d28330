"""The networks of a training: a settled config in, an objective with fresh weights out."""

import dataclasses
import json
import types
import typing
from typing import Any

import torch

from simtouch._checks import ArgumentError, unknown_name
from simtouch.models.blocks import Block
from simtouch.models.ssl.algorithms import ALGORITHMS, build_objective
from simtouch.models.ssl.objective import Objective
from simtouch.models.vit import SIZES, EncoderConfig
from simtouch.training.config import PretrainConfig
from simtouch.training.presets import preset_of

_VIDEO_FRAMES = 4


def encoder_config(config: PretrainConfig) -> EncoderConfig:
    """Shape of the encoder of a settled config."""
    assert config.size is not None
    assert config.image_size is not None
    assert config.patch_size is not None
    assert config.positions is not None
    video = ALGORITHMS[config.algorithm].objective.window == "video"  # pyright: ignore[reportFunctionMemberAccess]
    return EncoderConfig(
        **SIZES[config.size],
        image_size=config.image_size,
        patch_size=config.patch_size,
        channels=3 if video else 6,
        num_frames=_VIDEO_FRAMES if video else 1,
        num_registers=config.registers or 0,
        positions=config.positions,
        layer_scale=config.layer_scale,
        drop_path=config.drop_path or 0.0,
        input_gain=config.input_gain or None,
    )


def algorithm_config(config: PretrainConfig) -> Any:
    """The algorithm's own config: the published recipe, what the preset changes in it, what `--set` changes in that.

    Raises:
        ArgumentError: A `--set` that is no `name=value`, or a value of another type.
        UnknownNameError: A name that the algorithm's config does not have.
    """
    made = ALGORITHMS[config.algorithm].config
    wanted = typing.get_type_hints(made)
    changes = dict(preset_of(config).algorithm)
    for text in config.set:
        name, equals, value = text.partition("=")
        if name not in wanted:
            raise ArgumentError(f"`--set {text}`: {unknown_name(f'value of {config.algorithm}', name, wanted)}")
        if not equals:
            raise ArgumentError(f"`--set` wants name=value, as `{name}={getattr(made(), name)}`; got {text!r}.")
        changes[name] = _parsed(text, value, wanted[name])
    return made(**changes)


def build(config: PretrainConfig) -> Objective:
    """The objective of a settled config; its weights follow from the seed alone."""
    return build_seeded(config.algorithm, encoder_config(config), algorithm_config(config), config.seed)


def build_seeded(algorithm: str, encoder: EncoderConfig, config: Any, seed: int) -> Objective:
    """An objective whose weights follow from the seed alone; the random state of the program stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_objective(algorithm, encoder, config)


def compile_blocks(objective: Objective, **options: Any) -> int:
    """Compile each transformer block in place, names of weights as they are; how many. Options of `torch.compile`."""
    blocks = [module for module in objective.modules() if isinstance(module, Block)]
    for block in blocks:
        block.compile(**options)
    return len(blocks)


def config_as_json(made: Any) -> dict[str, Any]:
    """A config dataclass as plain JSON."""
    return json.loads(json.dumps(dataclasses.asdict(made)))


def _parsed(text: str, value: str, wanted: Any) -> Any:
    """`value` as the type that a field has."""
    try:
        found = json.loads(value.lower() if value.lower() in ("true", "false") else value)
    except json.JSONDecodeError:
        found = None if value == "None" else value
    found = tuple(found) if isinstance(found, list) else found
    if not _is_a(found, wanted):
        raise ArgumentError(f"`--set {text}` must be {_in_words(wanted)}; got {value!r}.")
    return float(found) if wanted is float else found


def _is_a(value: Any, wanted: Any) -> bool:
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return any(_is_a(value, arg) for arg in args)
    if origin is typing.Literal:
        return value in args
    if origin is tuple:
        each = args[:1] * len(value) if isinstance(value, tuple) and args[-1] is Ellipsis else args
        return isinstance(value, tuple) and len(value) == len(each) and all(map(_is_a, value, each))
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return type(value) is int
    return isinstance(value, wanted) if isinstance(wanted, type) else False


def _in_words(wanted: Any) -> str:
    """A type for people: `bool`, `float`, `one of 'a', 'b'`."""
    if typing.get_origin(wanted) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(wanted)))
    return wanted.__name__ if isinstance(wanted, type) else str(wanted)
