"""The training loop on a small objective: what a step does, what it averages, what it says when it cannot go on."""

import math
from dataclasses import replace

import pytest
import torch

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.training import devices, memory
from simtouch.training.loop import Training
from simtouch.training.networks import compile_blocks
from simtouch.training.optimiser import make_optimiser, rates
from tests.training import standins


def training(**changes) -> Training:
    config = standins.config(**{k: v for k, v in changes.items() if k != "feed"})
    fabric = devices.start_fabric(config)
    return Training(config, fabric, standins.objective(), changes.get("feed") or standins.MadeUpFeed(config.batch_size))


def losses(of: Training) -> list[float]:
    found = []
    of.run(lambda report: found.append(report.losses["loss"]))
    return found


def test_the_loss_falls_and_the_teacher_follows():
    made = training(steps=40)
    before = made.objective.teacher.blocks[0].mlp.fc1.weight.clone()
    found = losses(made)
    assert len(found) == 40
    assert sum(found[-5:]) < 0.7 * sum(found[:5])
    assert not torch.equal(before, made.objective.teacher.blocks[0].mlp.fc1.weight)


def test_parts_of_a_batch_give_the_same_losses_and_gradients():
    whole, parts = losses(training()), losses(training(accumulate=4))
    assert whole == pytest.approx(parts, abs=2e-6)


def test_the_same_seed_gives_the_same_losses_and_another_does_not():
    first = losses(training(steps=4))
    assert first == losses(training(steps=4))
    assert first != losses(training(steps=4, seed=1))


def test_only_matrices_decay():
    optimiser = make_optimiser(standins.objective(), standins.CONFIG)
    decays, rest = optimiser.param_groups
    assert "head.weight" in decays["names"]
    assert {"head.bias", "student.blocks.0.norm1.weight", "student.blocks.0.ls1.gamma"} <= set(rest["names"])
    assert not any(name.startswith("teacher") for group in (decays, rest) for name in group["names"])


def test_a_stretched_schedule_rises_over_its_share_of_the_steps():
    made = training(steps=40)  # 2 of 10 parts
    found = []
    for step in range(40):
        made.step = step
        found.append(rates(made.config, made.clock))
    lr = [r[0] for r in found]
    assert lr.index(max(lr)) in (7, 8)
    assert max(lr) == pytest.approx(3e-3)
    assert lr[-1] < 5e-5
    assert [r[1] for r in found] == sorted(r[1] for r in found)


def test_a_gradient_is_shortened_to_the_limit():
    made = training(clip_norm=1e-3)
    reports = []
    made.run(reports.append)
    assert all(r.grad_norm > 1e-3 for r in reports)
    assert all(math.isfinite(r.losses["small"]) for r in reports)


def test_a_loss_that_is_no_number_stops_with_its_windows_and_leaves_the_weights():
    made = training(feed=standins.MadeUpFeed(8, bad=21))
    made.one_step(), made.one_step()
    before = {k: v.clone() for k, v in made.objective.state_dict().items()}
    with pytest.raises(SimtouchError, match=r"the loss is nan in step 2; its batch: made up, clip 16, frame 0; .*and 4 more"):
        made.one_step()
    assert made.step == 2
    assert all(torch.equal(v, before[k]) for k, v in made.objective.state_dict().items())


def test_a_full_memory_is_one_sentence(monkeypatch):
    made = training()

    def full(*_):
        torch.empty(2**62, dtype=torch.uint8)

    monkeypatch.setattr(made.objective, "forward", full)
    with pytest.raises(SimtouchError, match=r"the memory is full: a step of 8 windows.*--batch-size.*--accumulate"):
        made.one_step()


def test_other_errors_of_the_networks_are_not_called_a_full_memory(monkeypatch):
    made = training()
    monkeypatch.setattr(made.objective, "forward", lambda *_: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="size"):
        made.one_step()


def test_what_the_backward_pass_keeps_is_measured_and_leaves_no_trace():
    of = standins.objective().train()
    before = {k: v.clone() for k, v in of.state_dict().items()}
    images = next(iter(standins.MadeUpFeed(8))).images
    clock = training().clock
    found = memory.bytes_for_backward(of, images, clock)
    # 6 kept patches and a register, 2 blocks, at least 16 x 24 floats each.
    assert found > 7 * 2 * 16 * 24 * 4
    assert found == memory.bytes_for_backward(of, images, clock)
    assert all(torch.equal(v, before[k]) for k, v in of.state_dict().items())


def test_a_batch_that_cannot_fit_is_refused_before_the_first_step(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**9)
    with pytest.raises(SimtouchError, match=r"at least 4 GB of memory and 1 GB are free: make `--batch-size` smaller"):
        memory.check_fits(2e9, torch.device("cpu"), samples=64, processes=2)
    memory.check_fits(9e8, torch.device("cpu"), samples=64)


def test_a_batch_that_the_processes_cannot_share_is_refused(monkeypatch):
    with pytest.raises(ArgumentError, match=r"`--batch-size` must be a multiple of 3, 1 process times 3 part\(s\); got 8"):
        training(accumulate=3)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ArgumentError, match="multiple of 3, 3 processes"):
        devices.start_fabric(standins.config())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(ArgumentError, match="finds none here; take `cpu`"):
        devices.start_fabric(standins.config(device="cuda"))
    with pytest.raises(ArgumentError, match="on cpu take `bf16` or `32`"):
        devices.start_fabric(standins.config(precision="16"))


def test_bfloat16_trains_and_keeps_weights_in_32_bits():
    made = training(precision="bf16", steps=30)
    found = losses(made)
    assert found[-1] < found[0]
    assert found[0] != losses(training(steps=1))[0]
    assert all(p.dtype == torch.float32 for p in made.objective.parameters())


def test_strategies_are_those_of_lightning_fabric():
    from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy

    assert devices.strategy("auto", 1) == "auto"
    assert isinstance(devices.strategy("auto", 2), DDPStrategy)
    assert isinstance(devices.strategy("ddp", 1), DDPStrategy)
    assert isinstance(devices.strategy("fsdp", 4), ModelParallelStrategy)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_blocks_keep_names_and_losses():
    made, plain = training(steps=3), training(steps=3)
    assert compile_blocks(made.objective, backend="eager") == 4
    assert list(made.objective.state_dict()) == list(plain.objective.state_dict())
    assert losses(made) == pytest.approx(losses(plain), abs=1e-5)


def test_learning_rate_zero_moves_nothing():
    made = training(steps=3)
    made.config = replace(made.config, lr=0.0, lr_start=0.0, lr_final=0.0)
    before = made.objective.head.weight.clone()
    losses(made)
    assert torch.equal(before, made.objective.head.weight)
