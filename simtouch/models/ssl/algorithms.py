"""Pretraining algorithms by name: `ALGORITHMS["mae"]` has its config and its objective."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simtouch._checks import pick
from simtouch.models.ssl.dino import Dino, DinoConfig
from simtouch.models.ssl.dinov2 import Dinov2, Dinov2Config
from simtouch.models.ssl.ijepa import Ijepa, IjepaConfig
from simtouch.models.ssl.mae import MaeConfig, MaskedAutoencoder
from simtouch.models.ssl.objective import Objective
from simtouch.models.ssl.vjepa import Vjepa, VjepaConfig
from simtouch.models.vit import EncoderConfig


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """What a name stands for."""

    config: Callable[..., Any]
    """Its config, a dataclass whose defaults are the published recipe."""
    objective: type[Objective]
    """Its networks and losses: (EncoderConfig, config) to an `Objective`."""


ALGORITHMS = {
    "mae": Algorithm(config=MaeConfig, objective=MaskedAutoencoder),
    "dino": Algorithm(config=DinoConfig, objective=Dino),
    "dinov2": Algorithm(config=Dinov2Config, objective=Dinov2),
    "ijepa": Algorithm(config=IjepaConfig, objective=Ijepa),
    "vjepa": Algorithm(config=VjepaConfig, objective=Vjepa),
}


def build_objective(name: str, encoder: EncoderConfig, config: Any = None) -> Objective:
    """An objective with fresh weights, drawn from PyTorch's generator.

    Args:
        name: A key of `ALGORITHMS`.
        encoder: Shape of the encoder.
        config: Of the algorithm; the published recipe if not given.

    Raises:
        UnknownNameError: An unknown name; lists the known ones.
    """
    algorithm = pick("algorithm", name, ALGORITHMS)
    return algorithm.objective(encoder, algorithm.config() if config is None else config)
