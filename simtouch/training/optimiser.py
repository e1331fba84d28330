"""AdamW and its schedules: an objective in, an optimiser whose rates follow the clock out."""

import torch

from simtouch.models.ssl.objective import Clock, Objective
from simtouch.models.ssl.schedules import cosine, share_done, warm_cosine
from simtouch.training.config import PretrainConfig


def make_optimiser(objective: Objective, config: PretrainConfig) -> torch.optim.AdamW:
    """AdamW over what is trained: one group with weight decay, one without, of parameters with one axis (biases, norms)."""
    named = list(objective.trained_parameters())
    groups = [
        {"params": [p for _, p in named if p.ndim > 1], "names": [n for n, p in named if p.ndim > 1], "decays": True},
        {"params": [p for _, p in named if p.ndim <= 1], "names": [n for n, p in named if p.ndim <= 1], "decays": False},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=config.lr or 0.0, betas=config.betas or (0.9, 0.999))


def set_rates(optimiser: torch.optim.Optimizer, config: PretrainConfig, clock: Clock) -> tuple[float, float]:
    """Set learning rate and weight decay for the step that follows `clock`, and return them."""
    lr, decay = rates(config, clock)
    for group in optimiser.param_groups:
        group["lr"] = lr
        group["weight_decay"] = decay if group["decays"] else 0.0
    return lr, decay


def rates(config: PretrainConfig, clock: Clock) -> tuple[float, float]:
    """(learning rate, weight decay) of the step that follows `clock`; see `simtouch.models.ssl.schedules`."""
    warm = (config.warmup_epochs or 0.0) * clock.total_steps / clock.epochs
    base, start, final = config.lr or 0.0, config.lr_start or 0.0, config.lr_final or 0.0
    lr = warm_cosine(clock.step, clock.total_steps, base=base, start=start, final=final, warmup_steps=warm)
    return lr, cosine(share_done(clock), config.weight_decay or 0.0, config.weight_decay_final or 0.0)
