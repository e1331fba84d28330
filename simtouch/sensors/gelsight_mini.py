"""GelSight Mini: slightly crowned gel, with and without printed dots; landscape image as its SDK delivers it.

Sources: [gsrobotics] the maker's SDK and FAQ; [FEATS] arXiv 2411.03315, CAD and identified material; the maker's data sheet as
quoted in public. Where sources disagree the choice stands in `sources`.
"""

from dataclasses import replace

from simtouch.sensors.colours import load_colours
from simtouch.sensors.spec import Camera, GelPad, MarkerGrid, SensorSpec, WorkingRange

GELSIGHT_MINI = SensorSpec(
    name="gelsight_mini",
    gel=GelPad(
        size_m=(25.25e-3, 20.75e-3),
        thickness_m=4.25e-3,
        youngs_modulus_pa=0.30e6,
        poisson_ratio=0.48,
        density_kg_m3=1050.0,
        friction=0.9,
        kinetic_friction_ratio=0.85,
        dome_radius_m=(213e-3, 126e-3),
        grid_shape=(60, 80),
    ),
    camera=Camera(
        image_shape=(240, 320),
        pixel_pitch_m=0.0634e-3,
        fps=25.0,
        distance_m=24e-3,
        blur_px=0.7,
        noise_std=(1.0, 0.8, 1.0),
        vignetting=0.25,
    ),
    **load_colours("gelsight_mini").fields(),
    working_range=WorkingRange(
        normal_force_n=(0.05, 5.0),
        indent_depth_m=(0.1e-3, 1.2e-3),
        shear_travel_m=(0.0, 2e-3),
        press_speed_m_s=(1e-3, 10e-3),
        slide_speed_m_s=(2e-3, 20e-3),
    ),
    sources={
        "gel.size_m": "[FEATS] gelsight_mini.step",
        "gel.thickness_m": "data sheet 4.25 +- 0.20 mm; CAD of [FEATS] 4.0",
        "gel.youngs_modulus_pa": "between the published 0.145 and 0.435 MPa; Shore 00 55 [gsrobotics]",
        "gel.poisson_ratio": "nearly incompressible; 0.3-0.495 in published code",
        "gel.density_kg_m3": "default for silicone",
        "gel.friction": "not measured anywhere; 0.5-1.6 in published code",
        "gel.kinetic_friction_ratio": "default",
        "gel.relaxation": "none: no measurement of these gels is known to us",
        "gel.dome_radius_m": "[FEATS] CAD, quadratic fit over the central 12 x 10 mm",
        "gel.grid_shape": "our choice: 4 x 4 pixels a cell",
        "camera.image_shape": "[gsrobotics] 320 x 240 after the maker's crop",
        "camera.pixel_pitch_m": "[gsrobotics] 0.0634 mm a pixel, measured with a ruler; data sheet view gives 0.058",
        "camera.fps": "[gsrobotics] FAQ: 25 fps",
        "camera.distance_m": "24 mm, in use elsewhere; not stated by the maker",
        "camera.noise_std": "set by eye against real images",
        "camera.blur_px": "set by eye against real images",
        "camera.vignetting": "set by eye against real images",
        "camera.exposure_drift": "none for the type: exposure held fixed; units draw theirs (`unit.py`)",
        "response": "our fit to 24 presses of a Mini in the PyPI package taxim 1.4.1 (MIT), circles found automatically; ball not stated, "
        "radius 1.93 mm, contacts .75 of it assumed, so the scale of slopes is unverified: experiments/fit_presets.py",
        "background": "the smooth part (8 x 8 cosines) of the same unit at rest; other units differ: see `unit.py`",
        "lights": "our fit to the same presses; numbers that describe the light, not a survey of the housing",
        "coating": "our fit to the same presses",
        "working_range": "public press data use up to 5 N and 2 mm; speeds are defaults",
    },
)

GELSIGHT_MINI_MARKERS = replace(
    GELSIGHT_MINI,
    name="gelsight_mini_markers",
    gel=replace(GELSIGHT_MINI.gel, youngs_modulus_pa=0.35e6),
    markers=MarkerGrid(
        rows=7,
        cols=9,
        pitch_m=(2.08e-3, 2.06e-3),
        diameter_m=1.0e-3,
        depth_m=0.5e-3,
        ink=(0.25, 0.25, 0.25),
    ),
    sources=GELSIGHT_MINI.sources
    | {
        "gel.youngs_modulus_pa": "15 % stiffer than the plain gel: between `same durometer` and 1.64x measured on other dotted gels",
        "markers": "[gsrobotics] 7 x 9 dots; pitch and diameter from the dot centres of the SDK's picture; depth not published",
        "markers.ink": "set by eye against real images",
    },
)
