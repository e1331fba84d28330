"""DIGIT: domed gel, no markers, three RGB lamps; portrait image as its driver delivers it.

Sources: [DIGIT-paper] Lambeta et al., RA-L 2020, arXiv 2005.14679; [digit-design] and [digit-interface], the maker's published
design files and driver; [gs_sdk], [digit-depth] scales in use. Where sources disagree the choice stands in `sources`.
"""

from simtouch.sensors.colours import load_colours
from simtouch.sensors.spec import Camera, GelPad, SensorSpec, WorkingRange

DIGIT = SensorSpec(
    name="digit",
    gel=GelPad(
        size_m=(18.4e-3, 25.1e-3),
        thickness_m=4.07e-3,
        youngs_modulus_pa=0.45e6,
        poisson_ratio=0.48,
        density_kg_m3=1050.0,
        friction=0.9,
        kinetic_friction_ratio=0.85,
        dome_radius_m=(21.1e-3, 58e-3),
        grid_shape=(80, 60),
    ),
    camera=Camera(
        image_shape=(320, 240),
        pixel_pitch_m=0.0567e-3,
        fps=60.0,
        distance_m=20e-3,
        blur_px=0.8,
        noise_std=(3.25, 1.65, 2.8),
        vignetting=0.15,
    ),
    **load_colours("digit").fields(),
    working_range=WorkingRange(
        normal_force_n=(0.05, 5.0),
        indent_depth_m=(0.1e-3, 1.2e-3),
        shear_travel_m=(0.0, 2e-3),
        press_speed_m_s=(1e-3, 10e-3),
        slide_speed_m_s=(2e-3, 30e-3),
    ),
    sources={
        "gel.size_m": "[digit-design] Digit Gel.STEP, vertices",
        "gel.thickness_m": "[digit-design] Digit Gel.STEP at the apex; [digit-depth] measures 4.6 mm",
        "gel.youngs_modulus_pa": "not stated by the maker; between Shore A10 (0.41 MPa) and A15 (0.57 MPa) by Gent's relation",
        "gel.poisson_ratio": "0.45-0.495 in finite-element models of such gels",
        "gel.density_kg_m3": "default for silicone",
        "gel.friction": "not measured anywhere; 0.5-1.6 in published code",
        "gel.kinetic_friction_ratio": "default",
        "gel.relaxation": "none: no measurement of these gels is known to us",
        "gel.dome_radius_m": "[digit-design] circle fits to the gel's surface: 21.1 mm across, 58 mm over +-7 mm along",
        "gel.grid_shape": "our choice: 4 x 4 pixels a cell",
        "camera.image_shape": "[digit-interface] get_frame at QVGA: 320 rows x 240 columns",
        "camera.pixel_pitch_m": "[gs_sdk] 0.0405 mm a pixel after its crop, x 7/5; others 0.0532 and 0.0583",
        "camera.fps": "[digit-interface] QVGA 60 fps",
        "camera.distance_m": "[digit-depth] 19.5-20.8 mm",
        "camera.noise_std": "repeated presses of a real DIGIT: std 3.25 / 1.65 / 2.8 levels (R / G / B)",
        "camera.blur_px": "set by eye against real images",
        "camera.vignetting": "set by eye against real images",
        "camera.exposure_drift": "none for the type: exposure held fixed; units draw theirs (`unit.py`)",
        "response": "our fit to the 32 ball presses of a DIGIT published with FOTS (README: MIT), circles found automatically, "
        "ball 4.7 mm and 0.0567 mm a pixel assumed: experiments/fit_presets.py",
        "background": "the smooth part (12 x 9 cosines) of the same unit at rest; other units differ: see `unit.py`",
        "lights": "our fit to the same presses; numbers that describe the light, not a survey of the housing",
        "coating": "our fit to the same presses",
        "working_range": "Sparsh force data up to 5 N, 2 mm slides; speeds are defaults",
    },
)
