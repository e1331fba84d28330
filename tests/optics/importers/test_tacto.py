"""A TACTO yaml becomes lamps in the gel frame; a pressed ball is lit where TACTO would light it."""

import builtins
from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError
from simtouch.optics.importers.registry import IMPORTERS
from simtouch.optics.importers.tacto import import_tacto
from simtouch.optics.renderer import OpticsConfig, Renderer
from simtouch.sensors import DIGIT
from tests.optics.importers.pressed import ball_height_px, correlation, slopes_of

yaml = pytest.importorskip("yaml")

PLAIN = {
    "camera": [
        {
            "cam0": None,
            "position": [0, 0, 0.015],
            "orientation": [90, 0, -90],
            "yfov": 60,
            "znear": 0.001,
            "lightIDList": [0, 1, 2],
        }
    ],
    "gel": {
        "origin": [0.022, 0, 0.015],
        "width": 0.02,
        "height": 0.03,
        "curvature": False,
        "curvatureMax": 0.005,
        "R": 0.1,
        "countW": 100,
    },
    "lights": {
        "origin": [0.012, 0, 0.015],
        "polar": True,
        "xrtheta": {"xs": [0, 0, 0], "rs": [0.02, 0.02, 0.02], "thetas": [30, 150, 270]},
        "xyz": {"coords": [[0, 0.01732, 0.01], [0, -0.01732, 0.01], [0, 0, -0.02]]},
        "colors": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "intensities": [1, 1, 1],
        "spot": False,
    },
    "noise": {"color": {"mean": 0, "std": 2}},
    "force": {"enable": True, "range_force": [0, 100], "max_deformation": 0.005},
}


def write(tmp_path, change=None):
    path = tmp_path / "config_digit.yml"
    path.write_text(yaml.safe_dump({"sensor": {k: v for k, v in (PLAIN | (change or {})).items() if v is not None}}))
    return path


def test_lamps_stand_where_tactos_camera_sees_them(tmp_path):
    """TACTO looks along +x with z up: its image's right is -y, its down is -z. Lamp 0 at y > 0, z > 0 is left and above."""
    spec = import_tacto(write(tmp_path), DIGIT)
    c, s = 0.02 * np.cos(np.pi / 6), 0.02 * np.sin(np.pi / 6)
    places = np.array([light.position_m for light in spec.lights])
    assert np.allclose(places, [[-c, -s, -0.01], [c, -s, -0.01], [0, 0.02, -0.01]], atol=1e-9)
    assert [int(np.argmax(light.color)) for light in spec.lights] == [0, 1, 2]
    assert max(max(light.color) for light in spec.lights) == max(max(light.color) for light in DIGIT.lights)
    cartesian = import_tacto(write(tmp_path, {"lights": PLAIN["lights"] | {"polar": False}}), DIGIT)
    assert np.allclose([light.position_m for light in cartesian.lights], places, atol=1e-5)


def test_view_gel_and_noise_follow_the_yaml(tmp_path):
    spec = import_tacto(write(tmp_path), DIGIT)
    assert spec.camera.distance_m == pytest.approx(0.022)
    assert spec.camera.pixel_pitch_m == pytest.approx(2 * 0.022 * np.tan(np.pi / 6) / DIGIT.image_shape[0])
    assert spec.gel.size_m == (0.02, 0.03)
    assert spec.camera.noise_std == (2, 2, 2)
    assert spec.gel.dome_radius_m == (np.inf, np.inf)
    assert spec.response is None
    assert spec.background is None
    crowned = import_tacto(write(tmp_path, {"gel": PLAIN["gel"] | {"curvature": True}}), DIGIT)
    rho2 = 0.01**2 + 0.015**2
    assert rho2 / 2 / crowned.gel.dome_radius_m[0] == pytest.approx(0.005)  # the drop at the corner
    bare = import_tacto(write(tmp_path, {"noise": None}), DIGIT)
    assert bare.camera.noise_std == DIGIT.camera.noise_std


def test_tactos_default_noise_is_said_to_be_high(tmp_path):
    with pytest.warns(UserWarning, match="over twice"):
        spec = import_tacto(write(tmp_path, {"noise": {"color": {"mean": 0, "std": 7}}}), DIGIT)
    assert "over twice" in spec.sources["camera.noise_std"]


def test_a_pressed_ball_is_lit_from_the_lamps_side(tmp_path):
    """TACTO's law, Lambert with inverse square, written apart: sign of the height and places of the lamps at once."""
    spec = import_tacto(write(tmp_path), DIGIT)
    # Dim enough that nothing saturates; without shadows, which the law below has not.
    spec = replace(spec, lights=tuple(replace(k, color=tuple(0.25 * c for c in k.color)) for k in spec.lights))
    height_px = ball_height_px(spec.image_shape, (120, 160), 90.0, 50.0)
    pitch = spec.camera.pixel_pitch_m
    render = Renderer(spec, OpticsConfig(noise=False, shadows=False)).render
    ours = render((height_px * pitch).astype(np.float32)).astype(float) - render(np.zeros(spec.image_shape, np.float32))

    def lambert(height):
        H, W = height.shape
        y, x = np.mgrid[:H, :W]
        place = np.stack([(x - (W - 1) / 2) * pitch, (y - (H - 1) / 2) * pitch, height * pitch], -1)
        normal = np.concatenate([slopes_of(height), -np.ones((H, W, 1))], -1)  # towards the camera
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        lit = np.zeros((H, W, 3))
        for light in PLAIN_LAMPS:
            to = light[0] - place
            far = np.linalg.norm(to, axis=-1, keepdims=True)
            lit += np.maximum((normal * to / far).sum(-1, keepdims=True), 0) / far**2 * light[1]
        return lit

    inside = (height_px < 0)[..., None]
    theirs = (lambert(height_px) - lambert(0 * height_px)) * inside
    turned = (lambert(-height_px) - lambert(0 * height_px)) * inside
    assert correlation(ours * inside, theirs) > 0.9
    assert correlation(ours * inside, turned) < 0


c, s = 0.02 * np.cos(np.pi / 6), 0.02 * np.sin(np.pi / 6)
PLAIN_LAMPS = [(np.array(p), np.eye(3)[k]) for k, p in enumerate([[-c, -s, -0.01], [c, -s, -0.01], [0, 0.02, -0.01]])]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lights": None}, "section `lights`"),
        ({"gel": PLAIN["gel"] | {"width": -1}}, "gel.width"),
        ({"gel": PLAIN["gel"] | {"origin": [0, 0]}}, "gel.origin"),
        ({"gel": PLAIN["gel"] | {"origin": [-0.01, 0, 0.015]}}, "in front of the gel"),
        ({"camera": []}, "has 0 cameras"),
        ({"camera": [{"cam0": None}]}, "`sensor.camera` with position"),
        ({"camera": [PLAIN["camera"][0] | {"yfov": 180}]}, "yfov"),
        ({"lights": PLAIN["lights"] | {"colors": [[1, 0, 0]]}}, "colors"),
        ({"lights": PLAIN["lights"] | {"intensities": [0, 0, 0]}}, "not all 0"),
        ({"lights": PLAIN["lights"] | {"origin": [0.03, 0, 0.015]}}, "lamp in front"),
        ({"noise": {"color": {"std": "much"}}}, "color.std"),
    ],
)
def test_wrong_values_are_one_sentence(tmp_path, change, sentence):
    with pytest.raises((ArgumentError, ShapeError), match=sentence) as error:
        import_tacto(write(tmp_path, change), DIGIT)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "sensor: [",
        "!!python/object/apply:os.system ['true']",
        "3",
        "",
        "\0",
        "[" * 60_000,
        "[" * 999,
        "- " * 499,
        "- " * 30_000,
        "&a [*a]",
    ],
)
def test_hostile_and_broken_yaml_is_one_sentence(tmp_path, text):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(ArgumentError, match="not a readable TACTO yaml") as error:
        import_tacto(tmp_path / "x.yml", DIGIT)
    assert "\n" not in str(error.value)


def test_without_pyyaml_the_pip_line_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def no_yaml(name, *rest, **options):
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", no_yaml)
    with pytest.raises(MissingExtraError, match="pip install pyyaml"):
        import_tacto(write(tmp_path), DIGIT)


def test_every_importer_has_a_name():
    assert set(IMPORTERS) == {"taxim", "gpu-taxim", "objectfolder", "fots", "tacto"}
