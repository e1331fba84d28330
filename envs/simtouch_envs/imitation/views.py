"""Views: by name what a policy may see of an environment of touch, and the policy that reads it.

force    state and the forces on both pads, as numbers
state    no touch: how far the hand is from its target, and its velocity
none     no touch, and no servo error either: velocity alone
cnn      tactile images, read by a network that is trained with the policy, and state
random   features of a frozen encoder with random weights, and state
FOLDER   features of that encoder, frozen or tuned, and state
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import gymnasium as gym
import torch

from simtouch._checks import ArgumentError, pick
from simtouch_envs.imitation.diffusion import DiffusionHead
from simtouch_envs.imitation.episodes import Episodes
from simtouch_envs.imitation.observers import Features, Images, Numbers
from simtouch_envs.imitation.policies import Actions, Context, Policy, SmallCnn, TunedEncoder, Vision
from simtouch_envs.touch_features import TouchFeatures, frozen_encoder
from simtouch_envs.wrappers import HideState, resting_images, sensor_of

HeadName = Literal["regression", "diffusion"]
_STACK = {"regression": 3, "diffusion": 2}


@dataclass(frozen=True, kw_only=True)
class View:
    """What is seen."""

    obs_type: str
    """Of the environment."""
    hide_servo: bool = False
    observer: Callable[[gym.Env], Numbers]
    """Makes the observer for an environment that `wrap` made."""
    vision: Callable[[], Vision | None] = lambda: None
    """Makes the network that is trained with the policy."""
    lag_steps: int = 2

    def wrap(self, env: gym.Env) -> gym.Env:
        """The environment, made with `obs_type`, without what is hidden."""
        return HideState(env) if self.hide_servo else env


def view_of(
    name: str,
    *,
    tune: bool = False,
    hide_servo: bool = False,
    lag_steps: int = 2,
    image_size: tuple[int, int] = (64, 48),
    seed: int = 0,
) -> View:
    """A view by its name, see above.

    Args:
        name: Which.
        tune: Train the encoder on, a tenth as fast as the rest.
        hide_servo: Leave the servo error out of the state.
        lag_steps: Steps between the two frames of a window.
        image_size: (H, W) of what `cnn` reads.
        seed: Of random weights.

    Raises:
        ArgumentError: `tune` without an encoder of pairs.
        SimtouchError: There is no such encoder.
    """
    numbers = {"force": ("force", hide_servo), "state": ("state", hide_servo), "none": ("state", True)}
    if tune and (name in numbers or name == "cnn"):
        raise ArgumentError(f"`tune` is for encoders; the observation `{name}` has none.")
    if name in numbers:
        obs_type, hidden = numbers[name]
        return View(obs_type=obs_type, hide_servo=hidden, observer=lambda env: Numbers(env.observation_space))
    seen = {"obs_type": "tactile_state", "hide_servo": hide_servo, "lag_steps": lag_steps}
    if name == "cnn":
        return View(**seen, observer=lambda env: _images(env, image_size), vision=SmallCnn)
    encoder = frozen_encoder(name, seed=seed)
    if tune:
        if encoder.config.channels != 6:
            raise ArgumentError(f"`tune` needs an encoder of pairs, 6 channels; `{name}` reads {encoder.config.channels}.")
        size = encoder.config.image_size
        return View(**seen, observer=lambda env: _images(env, size), vision=lambda: TunedEncoder(copy.deepcopy(encoder)))

    def featured(env: gym.Env) -> Features:
        backgrounds = list(resting_images(env).values())
        features = TouchFeatures(encoder, backgrounds=backgrounds, sensor=sensor_of(env), lag_steps=lag_steps)
        return Features(env.observation_space, features)

    return View(**seen, observer=featured)


def _images(env: gym.Env, size: tuple[int, int]) -> Images:
    return Images(env.observation_space, list(resting_images(env).values()), size=size, sensor=sensor_of(env))


def new_policy(
    view: View, episodes: Episodes, head: HeadName = "regression", *, features: int = 0, seed: int = 0, execute: int = 5
) -> Policy:
    """A policy for such episodes, with new weights.

    Args:
        view: How they were seen.
        episodes: Any that were played with its observer.
        head: `regression`, an MLP on 3 observations, or `diffusion`, which draws chunks of 8 actions on 2.
        features: How many of the numbers are features of an encoder, as the observer's `layout` says.
        seed: Of the weights.
        execute: Actions of a drawn chunk that are done.
    """
    stack = pick("head", head, _STACK)
    pads = 0 if episodes.images is None else episodes.images.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        context = Context(
            episodes.numbers.shape[1], stack, features=features, vision=view.vision(), pads=pads, lag=view.lag_steps
        )
        count = episodes.advice.shape[1]
        if head == "diffusion":
            return Policy(context, DiffusionHead(context.size, count, execute=execute))
        return Policy(context, Actions(context.size, count))
