"""Attentive probes on windows whose answer is known: the colour of a spot that may be anywhere."""

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.models import EncoderConfig, VisionTransformer
from simtouch.models.attentive import ProbeTask, class_task, force_task, train_probe
from simtouch.models.heads import AttentiveHead
from simtouch.models.scores import balanced_accuracy, mean_absolute_error

CONFIG = EncoderConfig(embed_dim=24, depth=1, num_heads=2, image_size=(16, 16), patch_size=8, num_registers=1)
SCALE_N = (2.0, 2.0, 3.0)


def windows(count: int, seed: int, rows: int = 40) -> list:
    """Batches of a coloured patch on grey: its colour is the force, and it slips where it is red."""
    rng = np.random.default_rng(seed)
    row, column, colour = 8 * rng.integers(2, size=count), 8 * rng.integers(2, size=count), rng.uniform(-1, 1, (count, 3))
    images = np.full((count, 6, 16, 16), 127, np.uint8)
    for i in range(count):
        images[i, :, row[i] : row[i] + 8, column[i] : column[i] + 8] = (127 + 120 * np.tile(colour[i], 2))[:, None, None]
    force = (colour * SCALE_N).astype(np.float32)
    named = {"force_n": torch.from_numpy(force), "slip_state": list(np.where(colour[:, 0] > 0, "slip", "stick"))}
    cuts = [slice(i, i + rows) for i in range(0, count, rows)]
    return [(torch.from_numpy(images)[cut], {k: v[cut] for k, v in named.items()}, np.arange(count)[cut]) for cut in cuts]


def truth(batches: list, name: str) -> np.ndarray:
    return np.concatenate([np.asarray(labels[name]) for _, labels, _ in batches])


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return VisionTransformer(CONFIG).eval()


@pytest.fixture(scope="module")
def data():
    return windows(400, 0), windows(120, 1), windows(120, 2)


def head(outputs: int):
    return lambda: AttentiveHead(24, 2, outputs)


OPTIONS = {"epochs": 30, "lr": 3e-3, "batch_size": 50}


def weights(module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


def equal(ours, theirs) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_frozen_encoder_stays_as_it_is_and_its_head_finds_the_force(encoder, data):
    before = weights(encoder)
    probe = train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), **OPTIONS)
    force = truth(data[2], "force_n")
    of_the_mean = mean_absolute_error(force, np.broadcast_to(force.mean(0), force.shape))
    assert mean_absolute_error(force, probe.predict(data[2])) < 0.5 * of_the_mean
    assert equal(before, weights(encoder))
    assert all(p.requires_grad and p.grad is None for p in encoder.parameters())


def test_the_best_state_on_validation_windows_is_kept(encoder, data):
    probe = train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), **{**OPTIONS, "lr": 0.05, "epochs": 12})
    assert probe.errors[probe.best_epoch] == min(probe.errors)
    assert len(probe.errors) == 13
    again = mean_absolute_error(truth(data[1], "force_n"), probe.predict(data[1]))
    assert again == pytest.approx(min(probe.errors), rel=1e-5)


def test_a_seed_decides_everything(encoder, data):
    few = {**OPTIONS, "epochs": 2}
    one, same, other = (train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), seed=s, **few) for s in (1, 1, 2))
    assert one.errors == same.errors
    assert one.errors != other.errors


def test_kept_tokens_are_those_of_the_windows(encoder, data):
    """In batches of the list both ways see the same numbers, so a head judged before its first step is judged the same."""
    kept, anew = (
        train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), cache=c, epochs=1, lr=1e-4) for c in (True, False)
    )
    assert kept.errors[0] == pytest.approx(anew.errors[0], rel=1e-5)


def test_tokens_made_before_serve_as_well(encoder, data):
    """So that many probes of one frozen encoder cost one encoding."""
    with torch.no_grad():
        made = [[(encoder(images / 255), named, clips) for images, named, clips in part] for part in data]
    options = {"task": force_task(SCALE_N), "epochs": 3, "lr": 1e-3}
    one, other = train_probe(encoder, head(3), *data[:2], **options), train_probe(None, head(3), *made[:2], **options)
    assert other.errors == pytest.approx(one.errors, rel=1e-4)
    np.testing.assert_allclose(other.predict(made[2]), one.predict(data[2]), atol=1e-3)
    with pytest.raises(ArgumentError, match="without an encoder"):
        train_probe(None, head(3), *made[:2], mode="fine-tuned", **options)


def test_classes_are_told_apart_by_name(encoder, data):
    task = class_task("slip_state", ("stick", "slip"), weights=(0.4, 1.0), select="f1")
    probe = train_probe(encoder, head(2), *data[:2], task=task, **OPTIONS)
    found = probe.predict(data[2])
    assert set(found) == {"stick", "slip"}
    assert balanced_accuracy(truth(data[2], "slip_state"), found) > 0.9


@pytest.mark.parametrize("mode", ["fine-tuned", "end-to-end"])
def test_a_trained_encoder_is_a_copy(encoder, data, mode):
    before = weights(encoder)
    probe = train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), mode=mode, epochs=3, lr=1e-3)
    assert equal(before, weights(encoder))
    assert not equal(before, weights(probe.encoder))
    assert min(probe.errors) < probe.errors[0]


def test_end_to_end_starts_from_chance_and_fine_tuning_from_the_encoder(encoder, data):
    """Before the first epoch fine-tuning is the frozen probe; end-to-end is another encoder for each seed."""
    options = {"task": force_task(SCALE_N), "epochs": 1, "lr": 1e-4}
    frozen, tuned, scratch = (
        train_probe(encoder, head(3), *data[:2], mode=m, **options).errors[0] for m in ("frozen", "fine-tuned", "end-to-end")
    )
    assert tuned == pytest.approx(frozen, rel=1e-5)
    assert scratch != pytest.approx(frozen, rel=1e-5)


def test_patience_ends_a_training_that_no_longer_helps(encoder, data):
    probe = train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N), epochs=30, lr=0.0, patience=2)
    assert len(probe.errors) == 4
    assert probe.best_epoch == 0


def test_a_bounded_head_answers_presses_of_negative_z():
    task = force_task((4.0, 4.0, 5.0), bounded=True)
    force = np.array([[1.0, -2.0, -2.5]], np.float32)
    torch.testing.assert_close(task.target(force), torch.tensor([[0.25, -0.5, 0.5]]))
    np.testing.assert_allclose(task.answer(task.target(force)), force)


def test_what_cannot_be_taught_is_refused(encoder, data):
    task = force_task(SCALE_N)
    with pytest.raises(UnknownNameError, match="not a known mode"):
        train_probe(encoder, head(3), *data[:2], task=task, mode="thawed")
    with pytest.raises(ArgumentError, match="got an iterator"):
        train_probe(encoder, head(3), iter(data[0]), data[1], task=task)
    with pytest.raises(ArgumentError, match="validation batches held no window"):
        train_probe(encoder, head(3), data[0], [], task=task)
    with pytest.raises(UnknownNameError, match="not a known label"):
        train_probe(encoder, head(3), *data[:2], task=force_task(SCALE_N, label="force"))
    unknown = [(images, {"force_n": labels["force_n"] * torch.nan}, clips) for images, labels, clips in data[0]]
    with pytest.raises(ArgumentError, match="holds NaN"):
        train_probe(encoder, head(3), unknown, data[1], task=task)
    broken = ProbeTask(**{**task.__dict__, "loss": lambda out, y: out.sum() * torch.nan})
    with pytest.raises(SimtouchError, match="the loss of the probe is nan in epoch 1"):
        train_probe(encoder, head(3), *data[:2], task=broken, epochs=1)
