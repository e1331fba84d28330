"""Augmentation: what each change does to a picture, and that only the seed and the number of a sample decide it."""

import math

import pytest

torch = pytest.importorskip("torch")

from simtouch.training.augment import (  # noqa: E402
    LARGEST_ANGLE_RAD,
    LARGEST_CROP,
    SMALLEST_CROP,
    augment,
    changed,
    drawn,
)

H, W = 32, 24


def windows(count, *, video=False):
    shape = (count, 3, 4, H, W) if video else (count, 6, H, W)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def all_of(count, *, flip=False, crop=1.0, angle=0.0):
    return torch.full((count,), flip), torch.full((count,), crop).double(), torch.full((count,), angle).double()


def smooth():
    """A window that bilinear interpolation reads well: linear in x and y."""
    y, x = torch.meshgrid(torch.arange(H) + 0.5 - H / 2, torch.arange(W) + 0.5 - W / 2, indexing="ij")
    return torch.stack([x / W, y / H, 0.3 * x / W + 0.2 * y / H]).repeat(2, 1, 1)[None] + 0.5, x, y


@pytest.mark.parametrize("video", [False, True])
def test_two_flips_are_none_and_one_mirrors_columns(video):
    images = windows(3, video=video)
    once = changed(images, *all_of(3, flip=True))
    assert torch.equal(once, images.flip(-1))
    assert torch.equal(changed(once, *all_of(3, flip=True)), images)


def test_no_crop_and_no_angle_change_nothing():
    images = windows(3)
    assert torch.equal(changed(images, *all_of(3)), images)


def test_a_crop_magnifies_about_the_centre():
    image, x, y = smooth()
    cropped = changed(image, *all_of(1, crop=0.6))
    torch.testing.assert_close(cropped[0, 0], 0.6 * x / W + 0.5)
    torch.testing.assert_close(cropped[0, 1], 0.6 * y / H + 0.5)


def test_a_rotation_keeps_shapes_in_pixels():
    """A turn by a moves what was at r to R(a) r, x right and y down; H and W differ, so a shear would show."""
    image, x, y = smooth()
    angle = 0.2
    turned = changed(image, *all_of(1, angle=angle))
    inside = (x.abs() < 6) & (y.abs() < 6)
    was_x, was_y = math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x
    torch.testing.assert_close(turned[0, 0][inside], (was_x / W + 0.5)[inside])
    torch.testing.assert_close(turned[0, 1][inside], (was_y / H + 0.5)[inside])


def test_what_lies_outside_takes_the_colour_of_the_rim():
    flat = torch.full((1, 6, H, W), 127 / 255)
    torch.testing.assert_close(changed(flat, *all_of(1, angle=LARGEST_ANGLE_RAD)), flat)


def test_turning_back_gives_the_inside_again():
    image, x, y = smooth()
    back = changed(changed(image, *all_of(1, angle=0.15)), *all_of(1, angle=-0.15))
    inside = (x.abs() < 6) & (y.abs() < 6)
    torch.testing.assert_close(back[..., inside], image[..., inside])


@pytest.mark.parametrize("video", [False, True])
def test_all_frames_of_a_window_change_alike(video):
    one = torch.rand((16, 3, H, W), generator=torch.Generator().manual_seed(1))
    images = one[:, :, None].repeat(1, 1, 4, 1, 1) if video else one.repeat(1, 2, 1, 1)
    out = augment(images, torch.arange(16), seed=3)
    assert not torch.equal(out, images)
    frames = out.unbind(2) if video else out.split(3, 1)
    assert all(torch.equal(frame, frames[0]) for frame in frames)


def test_a_sample_changes_alike_in_every_batch():
    images, sample = windows(40), torch.arange(100, 140)
    whole = augment(images, sample, seed=5)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    for rows in (slice(0, 7), slice(7, 40), slice(0, 40, 2), slice(1, 40, 2), order):
        assert torch.equal(augment(images[rows], sample[rows], seed=5), whole[rows])


def test_the_seed_decides():
    images, sample = windows(40), torch.arange(40)
    assert torch.equal(augment(images, sample, seed=5), augment(images, sample, seed=5))
    assert not torch.equal(augment(images, sample, seed=5), augment(images, sample, seed=6))
    assert not torch.equal(augment(images, sample, seed=5), augment(images, sample + 40, seed=5))


def test_the_windows_handed_in_stay_as_they_are():
    images = windows(16)
    before = images.clone()
    augment(images, torch.arange(16), seed=0)
    assert torch.equal(images, before)


def test_drawn_changes_have_the_published_frequencies_and_ranges():
    count = 4000
    flip, crop, angle = drawn(torch.arange(count), seed=0)
    cropped, turned = crop != 1, angle != 0
    for found, chance in ((flip, 0.5), (cropped, 0.2), (turned, 0.2), (flip & cropped, 0.1), (cropped & turned, 0.04)):
        assert abs(found.double().mean().item() - chance) < 4 * math.sqrt(chance * (1 - chance) / count)
    assert SMALLEST_CROP <= crop[cropped].min() < SMALLEST_CROP + 0.01
    assert LARGEST_CROP - 0.01 < crop[cropped].max() <= LARGEST_CROP
    assert angle.abs().max() <= LARGEST_ANGLE_RAD
    assert abs(angle[turned].mean()) < 0.03
