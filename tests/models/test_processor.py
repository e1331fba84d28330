"""The input recipe in one object: what the published loaders make, to the byte, and every choice explicit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import simtouch
from simtouch._checks import ArgumentError, ShapeError, UnknownNameError
from simtouch.models.load import load_encoder
from simtouch.models.processor import TouchProcessor
from simtouch.stream.images import decode_image
from simtouch.stream.windows import SPARSH_PAIR, SPARSH_VIDEO, WindowSpec
from tests.fixtures import sparsh_fixture
from tests.stream.test_official_windows import backbone

CASES = {
    "digit_landscape_240x320_bg": "digit",
    "digit_portrait_320x240_bg": "digit",
    "nonstd_300x260_bg": "digit",
    "gsmini_240x320_enhance": "gelsight_mini",
    "gelsight_480x640_nobg": "gelsight_2017",
    "digit_landscape_240x320_bg_224": "digit",
}


def picture(seed: int, shape=(240, 320)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("case", CASES)
def test_every_published_case_is_met_to_the_byte(case, order):
    notes, arrays = sparsh_fixture("preprocess_functions")
    assert set(notes["cases"]) == set(CASES)
    note, name = notes["cases"][case], case.removesuffix("_224")
    image, background = arrays.get(f"{name}_img"), arrays.get(f"{name}_bg")
    image = decode_image(arrays[f"{name}_img_png"].tobytes()) if image is None else image
    if order == "bgr":
        image, background = image[..., ::-1], None if background is None else background[..., ::-1]
    processor = TouchProcessor.for_sensor(
        CASES[case], background=background, image_size=note["out"][1:], channel_order=order, more_contrast=note["enhance"]
    )
    made = processor([[image, image]])
    assert made.dtype == torch.float32
    assert tuple(made.shape) == (1, 6, *note["out"][1:])
    published = torch.from_numpy(arrays[f"{case}_out_u8"]).float() / 255
    assert torch.equal(made[0, :3], published)
    assert torch.equal(made[0, 3:], published)


def test_windows_of_a_recording_are_the_published_ones(tmp_path):
    notes, arrays, clip = backbone(tmp_path)
    processor = TouchProcessor(window=replace(SPARSH_PAIR, pad="repeat", layout="channels"))
    made = torch.cat(list(processor.windows(clip, batch_size=5)))
    assert len(made) == notes["len_concat"]
    for index in notes["used_frames"]:
        assert torch.equal(made[int(index)], torch.from_numpy(arrays[f"concat_idx{index}_u8"]).float() / 255)
    video = next(TouchProcessor(window=replace(SPARSH_VIDEO, pad="repeat")).windows(clip))[0]
    assert video.shape == (3, 4, 320, 240)
    small = torch.from_numpy(arrays["video_idx0_u8_small"]).float() / 255  # (T, 3, ...)
    assert torch.equal(video.transpose(0, 1)[..., ::4, ::4], small)


def test_images_as_arrays_give_the_windows_of_their_clip(tmp_path):
    _, _, clip = backbone(tmp_path)
    images, times = clip.images, np.arange(len(clip)) / 60
    for bgr in (False, True):
        given, resting = (images[..., ::-1], clip.background[..., ::-1]) if bgr else (images, clip.background)
        processor = TouchProcessor.for_sensor("digit", background=resting, channel_order="bgr" if bgr else "rgb", stride=5)
        expected = torch.cat(list(processor.windows(clip)))
        assert torch.equal(torch.cat(list(processor.windows(given))), expected)
        by_time = TouchProcessor.for_sensor("digit", background=resting, channel_order=processor.channel_order)
        for timing in ({"fps": 60}, {"time_s": times}):
            assert torch.equal(torch.cat(list(by_time.windows(given, **timing, batch_size=3))), expected)


def test_newest_is_first_and_each_window_may_have_its_background():
    processor = simtouch.TouchProcessor.for_sensor("digit", image_size=(32, 24))
    newest, older, rest = (np.full((32, 24, 3), v, np.uint8) for v in (130, 110, 100))
    made = processor([[newest, older], [older, older]], background=[rest, newest])
    assert made[0, :3].unique().tolist() == [np.float32(157 / 255)]
    assert made[0, 3:].unique().tolist() == [np.float32(137 / 255)]
    assert made[1].unique().tolist() == [np.float32(107 / 255)]
    assert torch.equal(processor(np.stack([[newest, older]]), rest), made[:1])
    video = TouchProcessor.for_sensor("digit", window="video", image_size=(32, 24), background=rest)
    made = video([[newest, older, older, rest]])
    assert made.shape == (1, 3, 4, 32, 24)
    assert (made[0, 0, :, 0, 0] * 255).round().tolist() == [157, 137, 137, 127]


def test_a_sensor_at_rest_is_127_and_markers_stay():
    rest = picture(0)
    for sensor in ("digit", "gelsight_mini", "gelsight_mini_markers"):
        made = TouchProcessor.for_sensor(sensor, background=rest)([[rest, rest]])
        assert made.unique().tolist() == [np.float32(127 / 255)]
    raw = TouchProcessor.for_sensor("gelsight_2017", image_size=(240, 320))
    assert raw([[rest, rest]]).unique().numel() > 100


def test_lags_are_those_of_the_sensors_cameras():
    lags = {sensor: TouchProcessor.for_sensor(sensor).window.lag_ms for sensor in ("digit", "gelsight_mini", "gelsight_2017")}
    assert lags == pytest.approx({"digit": 250 / 3, "gelsight_mini": 200, "gelsight_2017": 500 / 3})
    assert TouchProcessor.for_sensor("gelsight_mini", window="video").window.lag_ms == pytest.approx(80)
    assert TouchProcessor.for_sensor("digit", lag_ms=50).window.lag_ms == 50
    assert TouchProcessor.for_sensor("digit", stride=3).window.lag_ms is None


@pytest.mark.parametrize("window", ["pair", "video"])
def test_an_encoder_says_what_it_is_fed(window):
    encoder = load_encoder("random", size="tiny", window=window, image_size=(64, 48))
    processor = TouchProcessor.for_encoder(encoder, "digit", background=picture(0))
    frames = [picture(k) for k in range(processor.window.frames)]
    assert encoder(processor([frames, frames])).shape[::2] == (2, 192)


def test_a_simulated_stream_is_fed_without_a_word(tmp_path):
    """Its clips know their background and their times."""
    frames = np.stack([picture(k, (32, 24)) for k in range(9)])
    processor = TouchProcessor.for_sensor("digit", image_size=(32, 24), background=frames[0])
    first = TouchProcessor(window=replace(processor.window, background="first"))
    made = [torch.cat(list(p.windows(frames, fps=60))) for p in (processor, first)]
    assert made[0].shape == (4, 6, 32, 24)
    assert torch.equal(*made)


def test_what_is_missing_or_wrong_is_said():
    image = picture(0)
    digit = TouchProcessor.for_sensor("digit")
    with pytest.raises(ArgumentError, match="`background` is needed, an image of the resting sensor"):
        digit([[image, image]])
    with pytest.raises(ShapeError, match="each window must have 2 images, newest first; got 3"):
        digit([[image] * 3], image)
    with pytest.raises(ShapeError, match="`background` must have the shape of `image`"):
        digit([[image, image]], image[:-1])
    with pytest.raises(ShapeError, match="one for each of the 1 windows; got 2"):
        digit([[image, image]], [image, image])
    with pytest.raises(ArgumentError, match="must be uint8"):
        digit([[image / 255, image / 255]], image)
    with pytest.raises(ArgumentError, match="nothing is to be subtracted"):
        TouchProcessor.for_sensor("gelsight_2017", background=image)
    with pytest.raises(ArgumentError, match="`fps` or `time_s` is needed"):
        list(digit.windows(np.stack([image] * 9), background=image))
    with pytest.raises(UnknownNameError, match="`digitt` is not a known sensor"):
        TouchProcessor.for_sensor("digitt")
    with pytest.raises(UnknownNameError, match="channel_order"):
        TouchProcessor(channel_order="grb")
    with pytest.raises(ArgumentError, match="not both"):
        TouchProcessor.for_sensor("digit", lag_ms=80, stride=5)
    assert TouchProcessor(window=WindowSpec(background="none"))([[image, image]]).shape == (1, 6, 320, 240)
