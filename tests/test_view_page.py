"""The page of `view`: served for real, and read on the server."""

import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from simtouch import SENSORS, indenters, open_stream
from simtouch._checks import ArgumentError
from simtouch.view_clips import ClipPage
from simtouch.view_live import LivePage
from simtouch.view_page import Page
from tests.stream.conftest import finished, make_writer  # noqa: F401
from tests.test_view import Recording

pytest.importorskip("viser")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:Queued a")
ROOT = Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def page():
    opened = Page("127.0.0.1", free_port(), "simtouch")
    yield opened
    opened.close()


class Mouse:
    """An event of viser, as a hand makes it."""

    def __init__(self, phase="", eye=(0, 0, 0), start=(0, 0, 0), end=(0, 0, 0)):
        self.phase, self.start_position, self.end_position = phase, start, end
        self.client = type("Client", (), {"camera": type("Camera", (), {"position": eye})})


# Clips


def test_the_page_of_a_stream_shows_the_frame_that_is_asked_for(page, finished):  # noqa: F811
    shown = ClipPage(open_stream(finished), page)
    before = page._board.image.copy()
    shown.scrubber.value = 3
    shown.turn()
    assert (page._board.image != before).any()
    assert "normal force" in page.info.content
    assert "3 of 6" in page.info.content
    assert page._legend.visible
    assert page._tiles.batched_positions.shape == (np.prod(open_stream(finished)[0].layout.gel_shape), 3)


def test_another_clip_and_another_colour_are_drawn(page, finished):  # noqa: F811
    shown = ClipPage(open_stream(finished), page)
    shown.chooser.value = shown.chooser.options[5]
    page.colouring.value = "stick and slip"
    shown.turn()
    assert "5 of stream" in page.info.content
    assert len(np.unique(page._tiles.batched_colors, axis=0)) <= 3
    page.with_arrows.value = False
    shown.turn()
    assert not page._arrows.visible
    page.solid.value = False
    shown.turn()
    assert not page._tiles.visible


def test_play_goes_through_the_clip_in_time_and_begins_again(page, finished):  # noqa: F811
    shown = ClipPage(open_stream(finished), page)
    shown.scrubber.value, shown.speed.value, shown.play.value = 0, "2", True
    seen, start = [], time.monotonic()
    while time.monotonic() - start < 10 and not (len(set(seen)) > 1 and seen[-1] < max(seen)):
        shown.turn()
        seen.append(int(shown.scrubber.value))
        time.sleep(0.005)
    assert seen[-1] < max(seen)  # round the end


def test_a_recording_lies_flat_and_the_page_says_what_is_missing(page):
    shown = ClipPage([Recording()], page)
    shown.scrubber.value = 1
    shown.turn()
    assert page._tiles is None
    assert page._flat.image.shape == (48, 64, 3)
    assert "Not in this clip: background image, height map" in page.info.content
    assert page._chart is None


def test_words_of_foreign_files_are_no_markup(page):
    ClipPage([Recording()], page)
    assert "&lt;b&gt;bolt" in page.info.content
    assert "<b>bolt" not in page.info.content


def test_a_damaged_clip_says_so_in_the_page(page, finished, tmp_path):  # noqa: F811
    folder = tmp_path / "stream"
    shutil.copytree(finished, folder)
    shard = sorted(folder.glob("*.parquet"))[1]
    data = bytearray(shard.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    shard.write_bytes(data)
    shown = ClipPage(open_stream(folder), page)
    shown.chooser.value = next(option for option in shown.chooser.options if option.startswith("4 "))
    shown.turn()
    assert "damaged" in page.info.content
    shown.chooser.value = shown.chooser.options[0]
    shown.turn()
    assert "normal force" in page.info.content


# Live


@pytest.fixture
def live(page):
    pick = {"digit": SENSORS["digit"], "gelsight_mini": SENSORS["gelsight_mini"]}
    shown = LivePage(page, pick, dict(indenters.INDENTERS), sensor="digit", object="sphere", fps=60)
    shown._then = time.monotonic()
    return shown


def turns(live, count=25):
    for _ in range(count):
        live._then -= 1 / 30  # as if that time had passed
        live.turn()
    return live.reading


def test_a_drag_of_the_mouse_moves_the_indenter_and_the_touch(live):
    before = turns(live)
    picture = live.page._board.image.copy()
    drag = [Mouse("start", (0, -20, 20), (0, 0, 4), (0, 0, 4)), Mouse("update", (0, -20, 20), (0, 0, 4), (2.0, -10, 12))]
    for event in drag:
        with pytest.raises(StopIteration):
            live._dragged(event).send(None)
    after = turns(live)
    np.testing.assert_allclose(after.gel_T_indenter[:2, 3] - before.gel_T_indenter[:2, 3], (4e-3, 0), atol=1e-5)
    assert after.shear_force_n > before.shear_force_n + 0.01
    assert (live.page._board.image != picture).mean() > 0.01
    assert live.x.value == pytest.approx(4.0, abs=0.01)
    assert live._body.position[0] == pytest.approx(4.0, abs=0.05)


def test_the_sliders_press_and_the_button_lets_go(live):
    client = Mouse().client
    live.depth.value = 1.0
    live._took_hold(type("Event", (), {"client": client}))
    deep = turns(live)
    assert deep.indent_depth_m == pytest.approx(1e-3, rel=1e-2)
    live.press_by.value, live.force.value = "force", 0.5
    live._took_hold(type("Event", (), {"client": client}))
    assert turns(live).normal_force_n == pytest.approx(0.5, rel=0.05)
    live._asked_for_reset(None)
    live.turn()
    assert live.wish == live.touch.first_wish()
    assert live.press_by.value == "depth"


def test_a_wish_beyond_the_gel_is_kept_inside_and_the_page_says_why(live):
    live.ask(x_m=1.0, depth_m=1.0)
    reading = turns(live, 40)
    assert reading.gel_T_indenter[0, 3] == pytest.approx(live.touch.half_view_m[0], abs=1e-6)
    assert "rim of the view" in live.error
    assert "rim of the view" in live.page.info.content


def test_what_the_gel_refuses_is_a_sentence_and_not_a_crash(live, monkeypatch):
    before = turns(live, 3)

    def refuse(*_):
        raise ArgumentError("no part of it lies over the gel.")

    monkeypatch.setattr(live.touch, "step", refuse)
    live._told_s = 0.0
    live.turn()
    assert live.reading is before
    assert "no part of it lies over the gel." in live.page.info.content


def test_sensor_and_object_can_be_changed(live):
    live.sensor.value, live.object.value = "gelsight_mini", "text"
    live._chose(None)
    live._asked_for_reset(None)
    reading = turns(live, 5)
    assert reading.image.shape == (240, 320, 3)
    assert live.touch.indenter.name == "text"
    assert reading.normal_force_n > 0
