"""Features: what an encoder says of the windows of a loader, row by row with their labels and clips."""

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError, UnknownNameError
from simtouch.models import EncoderConfig, VisionTransformer
from simtouch.models.features import encode
from simtouch.stream.mixing import Mixture, WindowSpec, loader
from tests.stream.mixing_clips import clips

CONFIG = EncoderConfig(embed_dim=16, depth=2, num_heads=2, image_size=(32, 32), num_registers=1)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return VisionTransformer(CONFIG)


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(256, size=(10, 6, 32, 32), dtype=np.uint8))
    force, words = torch.arange(30.0).reshape(10, 3), [f"w{i}" for i in range(10)]
    return [
        (images[i : i + 4], {"force_n": force[i : i + 4], "word": words[i : i + 4]}, np.arange(10)[i : i + 4] // 3)
        for i in (0, 4, 8)
    ]


@torch.no_grad()
def test_features_are_the_means_of_the_tokens_of_each_window(encoder, batches):
    found = encode(encoder, batches, labels=("force_n", "word"))
    tokens = encoder.eval()(torch.cat([images for images, *_ in batches]).float() / 255)
    np.testing.assert_allclose(found.x, tokens.mean(1), atol=1e-5)
    np.testing.assert_allclose(encode(encoder, batches, tokens=True).x, tokens, atol=1e-5)
    both = encode(encoder, batches, pooling="mean_std").x
    np.testing.assert_allclose(both, np.concatenate([tokens.mean(1), tokens.numpy().std(1)], 1), atol=1e-5)
    assert found.x.dtype == np.float32
    np.testing.assert_array_equal(found.labels["force_n"], np.arange(30).reshape(10, 3))
    assert list(found.labels["word"]) == [f"w{i}" for i in range(10)]
    np.testing.assert_array_equal(found.groups, np.arange(10) // 3)


def test_a_limit_stops_where_it_says(encoder, batches):
    def counted():
        for i, batch in enumerate(batches):
            assert i < 2, "a batch that nobody needs"
            yield batch

    found = encode(encoder, counted(), labels=("word",), limit=6)
    assert len(found) == len(found.groups) == len(found.labels["word"]) == 6


def test_the_mode_of_the_encoder_is_put_back(encoder, batches):
    encoder.train()
    encode(encoder, batches)
    assert encoder.training
    with pytest.raises(UnknownNameError, match="not a known label"):
        encode(encoder, batches, labels=("weight",))
    assert encoder.training


def test_stochastic_depth_is_off_where_features_are_taken(batches):
    torch.manual_seed(0)
    encoder = VisionTransformer(EncoderConfig(**{**CONFIG.__dict__, "drop_path": 0.9})).train()
    np.testing.assert_array_equal(encode(encoder, batches).x, encode(encoder, batches).x)


def test_rows_can_be_chosen(encoder, batches):
    found = encode(encoder, batches, labels=("word",))
    some = found[found.groups == 1]
    assert list(some.labels["word"]) == ["w3", "w4", "w5"]
    np.testing.assert_array_equal(some.x, found.x[3:6])


def test_clips_of_two_sources_have_two_numbers(encoder):
    mixture = Mixture([clips(2, source="a"), clips(2, source="b")], window=WindowSpec(image_shape=(32, 32)), shuffle="none")
    found = encode(encoder, loader(mixture, batch_size=len(mixture)))
    assert len(np.unique(found.groups)) == 4
    assert set(found.groups % 2**40) == {0, 1}


def test_no_window_is_an_error(encoder):
    with pytest.raises(ArgumentError, match="no window"):
        encode(encoder, [])
