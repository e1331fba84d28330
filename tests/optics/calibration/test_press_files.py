"""Presses from folders: what is read, and one sentence for everything that cannot be."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.checks import check_presses
from simtouch.optics.calibration.press_files import load_presses
from tests.optics.calibration.balls import BALL_RADIUS_M, PIXEL_PITCH_M, drawn_presses, random_circles

LENGTHS = {"ball_radius_m": BALL_RADIUS_M, "pixel_pitch_m": PIXEL_PITCH_M}


@pytest.fixture(scope="module")
def presses():
    return drawn_presses(random_circles(5))


def write(folder, presses, rest="background.png"):
    for name, image in zip(presses.names, presses.images, strict=True):
        assert cv2.imwrite(str(folder / name), image[..., ::-1])
    if rest:
        assert cv2.imwrite(str(folder / rest), presses.rest[..., ::-1])
    return folder


@pytest.mark.parametrize("rest", ["background.png", "rest.png", "f0.png", "bg_01.png", "Blank.png"])
def test_a_folder_of_pictures_is_read_in_order(tmp_path, presses, rest):
    read = load_presses(write(tmp_path, presses, rest), **LENGTHS)
    assert np.array_equal(read.images, presses.images)
    assert np.array_equal(read.rest, presses.rest)
    assert read.names == presses.names
    assert read.circles_px is None


def test_channels_can_be_exchanged_and_the_rest_frame_named(tmp_path, presses):
    write(tmp_path, presses, "a_quiet_moment.png")
    read = load_presses(tmp_path, rest="a_quiet_moment.png", channels="bgr-file", **LENGTHS)
    assert np.array_equal(read.images, presses.images[..., ::-1])
    assert np.array_equal(read.rest, presses.rest[..., ::-1])


HEADS = [
    "file,cx,cy,radius",
    "file,kind,contact_center_x(px),contact_center_y(px),contact_radius(px)",
    "name,centre_x,centre_y,r",
]


@pytest.mark.parametrize("head", HEADS)
def test_circles_come_from_a_table(tmp_path, presses, head):
    kind = "ball," if "kind" in head else ""
    rows = [f"{n},{kind}{x},{y},{r}" for n, (x, y, r) in zip(presses.names, presses.circles_px, strict=True)]
    (write(tmp_path, presses) / "labels.csv").write_text("\n".join([head, *rows]))
    assert np.allclose(load_presses(tmp_path, **LENGTHS).circles_px, presses.circles_px)
    assert load_presses(tmp_path, circles="auto", **LENGTHS).circles_px is None


def test_pictures_of_another_kind_are_left_out(tmp_path, presses):
    rows = [f"{n},{'shadow' if k == 1 else 'ball'},50,50,13" for k, n in enumerate(presses.names)]
    (write(tmp_path, presses) / "labels.csv").write_text(
        "\n".join(["file,kind,cx,cy,radius", "background.png,background,,,", *rows])
    )
    assert load_presses(tmp_path, **LENGTHS).names == tuple(n for k, n in enumerate(presses.names) if k != 1)


def test_circles_come_from_lines(tmp_path, presses):
    lines = [f"{n} ({x}, {y}) {r}" for n, (x, y, r) in zip(presses.names, presses.circles_px, strict=True)]
    path = write(tmp_path, presses) / "mine.txt"
    path.write_text("\n".join(lines))
    assert np.allclose(load_presses(tmp_path, circles=path, **LENGTHS).circles_px, presses.circles_px)


def spoil_size(folder):
    cv2.imwrite(str(folder / "press_01.png"), np.zeros((100, 160, 3), np.uint8))


def spoil_rest(folder):
    (folder / "background.png").unlink()


def spoil_picture(folder):
    data = (folder / "press_02.png").read_bytes()
    (folder / "press_02.png").write_bytes(data[: len(data) // 3])


def spoil_header(folder):
    (folder / "press_02.png").write_bytes(b"no picture")


def spoil_all(folder):
    for path in folder.glob("press*"):
        path.unlink()


def bomb(folder):
    for path in folder.glob("*.png"):
        data = bytearray(path.read_bytes())
        data[16:24] = (60_000).to_bytes(4, "big") * 2
        path.write_bytes(data)


def circle_outside(folder):
    (folder / "circles.csv").write_text("file,cx,cy,radius\n" + "".join(f"press_{k:02d}.png,500,60,13\n" for k in range(5)))


def circle_missing(folder):
    (folder / "circles.csv").write_text("file,cx,cy,radius\npress_00.png,50,60,13\npress_01.png,,,\n")


def circle_words(folder):
    (folder / "circles.csv").write_text("file,cx,cy,radius\npress_00.png,left,60,13\n")


def circle_columns(folder):
    (folder / "circles.csv").write_text("when,where\nnow,here\n")


def circle_lines(folder):
    (folder / "circles.txt").write_text("press_00.png 50 60 13\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_size, r"`press_01.png` has 160 x 100 pixels, `background.png` 160 x 120: all must be of one size"),
        (spoil_rest, r"has no no-contact frame: call one background.png"),
        (spoil_picture, r"press_02.png` is not a whole picture"),
        (spoil_header, r"press_02.png` is neither a PNG nor a JPEG"),
        (spoil_all, r"has no press beside the no-contact frame"),
        (bomb, r"60000 x 60000 pixels are more than are read"),
        (circle_outside, r"circle of press_00.png has its centre \(500, 60\) outside the image"),
        (circle_missing, r"gives no circle for press_01.png"),
        (circle_words, r"line 2, must give centre and radius as numbers; got left"),
        (circle_columns, r"must have a column `file`; it has when, where"),
        (circle_lines, r"line 1, must read `name \(cx, cy\) radius`"),
    ],
)
def test_a_spoilt_folder_gets_one_sentence(tmp_path, presses, spoil, said):
    spoil(write(tmp_path, presses))
    with pytest.raises(ArgumentError, match=said):
        load_presses(tmp_path, **LENGTHS)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut short", b"\x93NUMPY"])
def test_a_broken_data_pack_gets_one_sentence(tmp_path, data):
    (tmp_path / "dataPack.npz").write_bytes(data)
    with pytest.raises(ArgumentError, match="is not a readable"):
        load_presses(tmp_path / "dataPack.npz", **LENGTHS)


def test_jpeg_headers_are_read(tmp_path, presses):
    for name, image in (("background.jpg", presses.rest), ("a.jpg", presses.images[0])):
        cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    assert load_presses(tmp_path, **LENGTHS).image_shape == (120, 160)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:40])
    with pytest.raises(ArgumentError, match="is not a readable picture"):
        load_presses(tmp_path, **LENGTHS)


def test_good_presses_pass(presses):
    check_presses(presses)


def test_overexposed_presses_are_named(presses):
    images = presses.images.copy()
    images[3] = np.clip(images[3].astype(int) * 3, 0, 255)
    with pytest.raises(ArgumentError, match=r"`press_03.png` is overexposed: \d+% of a channel"):
        check_presses(replace(presses, images=images))


def test_exchanged_channels_are_noticed(presses):
    tint = np.array([60, 0, 0], np.uint8)
    tinted = replace(presses, images=presses.images + tint, rest=presses.rest + tint)
    check_presses(tinted)
    with pytest.raises(ArgumentError, match="red and blue exchanged"):
        check_presses(replace(tinted, rest=np.ascontiguousarray(tinted.rest[..., ::-1])))


def test_three_presses_are_too_few(presses):
    with pytest.raises(ArgumentError, match="at least 4 presses; got 3"):
        check_presses(presses.pick(range(3)))
