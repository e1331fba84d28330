"""A view shows what its name says, and its policy can read it."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from simtouch_envs.imitation.rollouts import Play, play
from simtouch_envs.imitation.views import new_policy, view_of

from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.models.checkpoint import save_encoder
from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.envs.imitation.bent_path import BentPath, Follower


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    encoder = VisionTransformer(EncoderConfig(embed_dim=64, depth=1, num_heads=1, image_size=(32, 24), patch_size=8))
    path = tmp_path_factory.mktemp("encoder")
    save_encoder(path, encoder)
    return str(path)


def shown(view, mazes=(0,)):
    env = view.wrap(BentPath(view.obs_type))
    return play([env], view.observer(env), None, mazes, Play(max_steps=4), expert_of=lambda env: Follower(env.unwrapped))


@pytest.mark.parametrize(("name", "size"), [("force", 12), ("state", 6), ("none", 3)])
def test_numbers_are_those_that_are_not_hidden(name, size):
    episodes = shown(view_of(name))
    assert episodes.numbers.shape == (4, size)
    assert episodes.images is None
    assert shown(view_of("force", hide_servo=True)).numbers.shape == (4, 9)


@pytest.mark.parametrize("head", ["regression", "diffusion"])
def test_policies_act_on_every_view(folder, head):
    for view in (view_of("none"), view_of(folder), view_of(folder, tune=True), view_of("cnn", image_size=(32, 24))):
        policy = new_policy(view, shown(view), head, seed=1).eval()
        env = view.wrap(BentPath(view.obs_type))
        acted = play([env], view.observer(env), policy, [0], Play(max_steps=3))
        assert np.isfinite(acted.actions).all()


def test_features_are_of_both_pads_and_tuning_starts_from_the_encoder(folder):
    assert shown(view_of(folder)).numbers.shape == (4, 2 * 2 * 64 + 6)
    tuned = view_of(folder, tune=True)
    episodes = shown(tuned)
    assert episodes.images.shape == (4, 2, 32, 24, 3)
    vision = [new_policy(tuned, episodes, seed=s).context.vision for s in (0, 1)]
    for a, b in zip(vision[0].parameters(), vision[1].parameters(), strict=True):
        assert a is not b
        assert (a == b).all()


def test_what_cannot_be_seen_or_tuned_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="tune"):
        view_of("force", tune=True)
    with pytest.raises(SimtouchError, match="there is no"):
        view_of(str(tmp_path / "nothing"))
    with pytest.raises(UnknownNameError, match="diffusion, regression"):
        new_policy(view_of("none"), shown(view_of("none")), "mlp")
