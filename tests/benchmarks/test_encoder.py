"""How long an encoder takes: `pytest tests/benchmarks --benchmark-enable` times it, the usual run only calls it once."""

import pytest
import torch

from simtouch.models import SIZES, EncoderConfig, VisionTransformer

WINDOWS = {"pair": {}, "video": {"channels": 3, "num_frames": 4}}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("window", WINDOWS)
def test_features_of_one_window(benchmark, window):
    encoder = VisionTransformer(EncoderConfig(**SIZES["tiny"], **WINDOWS[window])).eval()
    x = torch.rand(1, *encoder.config.window_shape)
    with torch.inference_mode():
        features = benchmark(encoder, x)
    assert features.shape == (1, 600 if window == "video" else 300, 192)
    assert features.isfinite().all()


def test_a_step_of_training(benchmark):
    encoder = VisionTransformer(EncoderConfig(**SIZES["tiny"])).train()
    x = torch.rand(2, *encoder.config.window_shape)

    def step():
        encoder.zero_grad(set_to_none=True)
        encoder(x).square().mean().backward()

    benchmark(step)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
