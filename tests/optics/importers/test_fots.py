"""A FOTS network becomes the colours that its own formula gives; wrapped training is found; weights are read, never run."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.importers.fots import LAYERS, SHAPE, import_fots
from simtouch.optics.importers.torch_weights import read_state_dict
from simtouch.sensors import DIGIT
from tests.optics.importers.pressed import ball_height_px, correlation, slopes_of, table_change, tint_at_rest

torch = pytest.importorskip("torch")

HEIGHT = ball_height_px(SHAPE, (100, 170), 90.0, 45.0)
TOUCHED = HEIGHT < 0


def smooth_network(gain=0.7, seed=1) -> dict:
    """A state dict whose colours follow the normal: weights small enough to stay smooth."""
    rng = np.random.default_rng(seed)
    state = {}
    for k, (name, shape) in enumerate(LAYERS.items()):
        weight = rng.normal(0, gain / np.sqrt(shape[1]) * (4 if k == 0 else 2.5), shape)
        weight[:, :2] *= 0.25 if k == 0 else 1.0  # colours depend on the slope more than on the place
        state[f"{name}.weight"] = torch.tensor(weight, dtype=torch.float32)
        state[f"{name}.bias"] = torch.tensor(rng.normal(0, 0.1, shape[0]), dtype=torch.float32)
    return state


def fots_image_change(state, height_px, pad_px=None) -> np.ndarray:
    """FOTS's formula in PyTorch, from its own height (positive where pressed in), BGR [grey levels]: written apart."""
    H, W = height_px.shape
    row, col = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    flat = np.zeros_like(height_px) if pad_px is None else pad_px

    def net(h):
        down, right = np.gradient(h)
        n = torch.nn.functional.normalize(torch.tensor(np.stack([right, -down, np.ones_like(h)], -1)), dim=-1)
        v = torch.cat([(col / W)[..., None], (row / H)[..., None], (n + 1) / 2], -1).float()
        v = torch.relu(torch.nn.functional.linear(v, state["fc1.weight"], state["fc1.bias"]))
        v = torch.relu(torch.nn.functional.linear(v, state["fc2.weight"], state["fc2.bias"]))
        v = torch.nn.functional.linear(v, state["fc3.weight"], state["fc3.bias"])
        return torch.nn.functional.linear(v, state["fc4.weight"], state["fc4.bias"]).numpy()

    return 255 * (net(height_px + flat) - net(flat))


@pytest.fixture
def folder(tmp_path):
    torch.save(smooth_network(), tmp_path / "mlp_n2c_digit.pth")
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    np.save(tmp_path / "digit_bg.npy", np.stack([60 + x // 4, 100 + y // 8, 90 + 0 * x], -1).astype(np.uint8))
    np.save(tmp_path / "ini_bg_fots_digit.npy", np.zeros((*SHAPE, 3), np.float32))
    return tmp_path


def test_a_pressed_ball_shows_fots_own_colours(folder):
    """Sign, negated row slope and channel order at once."""
    spec = import_fots(folder, DIGIT)
    ours = table_change(spec.response, slopes_of(HEIGHT), TOUCHED)
    theirs = fots_image_change(smooth_network(), -HEIGHT)[..., ::-1]
    assert np.abs(theirs).max() > 10  # the synthetic network answers
    assert correlation(ours, theirs) > 0.98
    assert np.abs(ours - theirs).max() < 0.25 * np.abs(theirs).max()
    assert correlation(ours, fots_image_change(smooth_network(), HEIGHT)[..., ::-1]) < 0.5
    assert np.abs(ours - theirs[..., ::-1]).mean() > 3 * np.abs(ours - theirs).mean()
    assert "miss the files' response by" in spec.response.notes["separable"]


def test_the_resting_gel_is_exactly_the_background_in_rgb(folder):
    spec = import_fots(folder / "mlp_n2c_digit.pth", DIGIT)
    background = np.load(folder / "digit_bg.npy")[..., ::-1]
    assert np.array_equal(spec.background.levels(SHAPE), background)
    assert tint_at_rest(spec) == 0
    assert spec.image_shape == SHAPE
    assert spec.camera.pixel_pitch_m == pytest.approx(1e-3 / 19.58)


def test_a_dome_is_taken_as_the_resting_slope(folder):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    pad_px = 40 - ((x - 119.5) ** 2 + (y - 159.5) ** 2) / 2 / 600
    np.save(folder / "digit_pad.npy", (pad_px / 19.58).astype(np.float32))
    spec = import_fots(folder, DIGIT)
    theirs = fots_image_change(smooth_network(), -HEIGHT, pad_px)[..., ::-1]
    assert correlation(table_change(spec.response, slopes_of(HEIGHT), TOUCHED), theirs) > 0.95
    assert spec.gel.dome_radius_m == pytest.approx((600 / 19.58e3, 600 / 19.58e3), rel=1e-2)
    assert tint_at_rest(spec) == 0


def test_a_network_of_wrapped_colours_is_found(folder):
    """What uint8 subtraction teaches: a step of 255 where the change turns negative, here across n_x = 0."""
    state = {k: torch.zeros_like(v) for k, v in smooth_network().items()}
    state["fc1.weight"][:2, 2], state["fc1.bias"][0], state["fc1.bias"][1] = 400.0, -200.0, -200.4
    state["fc2.weight"][0, 0], state["fc2.weight"][1, 1] = 1.0, 1.0
    state["fc3.weight"][0, 0], state["fc3.weight"][0, 1] = 1.0, -1.0
    state["fc4.weight"][:, 0] = 2.5
    torch.save(state, folder / "mlp_n2c_digit.pth")
    with pytest.warns(UserWarning, match="wrapped colours"):
        spec = import_fots(folder, DIGIT)
    assert "jumps by" in spec.response.notes["self-test"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_weights_come_as_torch_saved_them(tmp_path, dtype):
    state = {k: v.to(dtype) for k, v in smooth_network().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "x.pth")
    found = read_state_dict(tmp_path / "x.pth")
    assert all(np.array_equal(found[k], v.numpy()) for k, v in state.items())
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "y.pth")
    assert set(read_state_dict(tmp_path / "y.pth")) == {"weight", "bias"}


class Evil:
    def __reduce__(self):
        return eval, ("open('/tmp/simtouch-should-not-exist', 'w')",)


def zipped(pickled: bytes, **storages: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        for key, raw in storages.items():
            archive.writestr(f"x/data/{key[1:]}", raw)
    return out.getvalue()


def tensor_pickle(count=6, size="K\x02K\x03\x86", offset="K\x00") -> bytes:
    """A pickle of one tensor on storage 0, by hand."""
    text = (
        "\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        f"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK{chr(count)}tQ{offset}{size}K\x03K\x01\x86\x89}}tRs."
    )
    return text.encode("latin1")


def test_a_tensor_written_by_hand_is_read(tmp_path):
    (tmp_path / "w.pth").write_bytes(zipped(tensor_pickle(), _0=np.arange(6, dtype="<f4").tobytes()))
    assert np.array_equal(read_state_dict(tmp_path / "w.pth")["w"], np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"nothing", "not a file of `torch.save`"),
        (zipped(pickle.dumps({"w": Evil()})), r"builtins\.eval"),
        (zipped(pickle.dumps([1, 2])), "must hold a state dict"),
        (zipped(tensor_pickle()), "does not hold"),
        (zipped(tensor_pickle(), _0=b"\0" * 20), "promises 6 numbers"),
        (zipped(tensor_pickle(offset="J\xff\xff\xff\x7f"), _0=b"\0" * 24), "larger than its storage"),
        (zipped(tensor_pickle(size="J\xff\xff\xff\x7fK\x03\x86"), _0=b"\0" * 24), "larger than its storage"),
        (zipped(tensor_pickle(size="K\x03K\x02\x86"), _0=b"\0" * 24), "larger than its storage"),
    ],
    ids=range(8),
)
def test_broken_and_hostile_weights_are_one_sentence(tmp_path, data, sentence):
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises(ArgumentError, match=sentence):
        read_state_dict(tmp_path / "w.pth")


def test_wrong_shapes_are_one_sentence(folder):
    state = smooth_network()
    state["fc3.weight"] = torch.zeros(31, 32)
    torch.save(state, folder / "mlp_n2c_digit.pth")
    with pytest.raises(ShapeError, match=r"`fc3.weight` of shape \(32, 32\)"):
        import_fots(folder, DIGIT)
    torch.save(smooth_network(), folder / "mlp_n2c_digit.pth")
    np.save(folder / "digit_bg.npy", np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"_bg\.npy"):
        import_fots(folder, DIGIT)
    torch.save(smooth_network(), folder / "mlp_n2c_gelsight.pth")
    with pytest.raises(ArgumentError, match="name the file itself"):
        import_fots(folder, DIGIT)
