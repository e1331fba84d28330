"""GelSight 2017 fingertip (Touch-and-Go, Feeling of Success): domed gel, printed dots, VGA image.

Not calibrated to a 2017 unit: the gel's size, its dots and its lamps are assumptions that the sources below name. Sources:
[Taxim] Si and Yuan, RA-L 2022, arXiv 2109.04027; [gelsight_driver] the laboratory's driver; Yuan, Dong and Adelson, Sensors 17(12)
2762, 2017, as summarised in public notes.
"""

from simtouch.sensors.colours import load_colours
from simtouch.sensors.spec import Camera, GelPad, MarkerGrid, SensorSpec, WorkingRange

GELSIGHT_2017 = SensorSpec(
    name="gelsight_2017",
    gel=GelPad(
        size_m=(22e-3, 18e-3),
        thickness_m=4e-3,
        youngs_modulus_pa=0.30e6,
        poisson_ratio=0.48,
        density_kg_m3=1050.0,
        friction=0.9,
        kinetic_friction_ratio=0.85,
        dome_radius_m=(50e-3, 50e-3),
        grid_shape=(60, 80),
    ),
    camera=Camera(
        image_shape=(480, 640),
        pixel_pitch_m=0.0295e-3,
        fps=30.0,
        distance_m=26e-3,
        blur_px=1.0,
        noise_std=(1.5, 1.2, 1.5),
        vignetting=0.15,
    ),
    markers=MarkerGrid(
        rows=8,
        cols=8,
        pitch_m=(1.8e-3, 1.8e-3),
        diameter_m=0.6e-3,
        depth_m=0.5e-3,
        ink=(0.15, 0.15, 0.15),
    ),
    **load_colours("gelsight_2017").fields(),
    working_range=WorkingRange(
        normal_force_n=(0.05, 10.0),
        indent_depth_m=(0.1e-3, 1.2e-3),
        shear_travel_m=(0.0, 2e-3),
        press_speed_m_s=(1e-3, 20e-3),
        slide_speed_m_s=(2e-3, 20e-3),
    ),
    sources={
        "gel.size_m": "assumed; the view is 18.9 x 14.2 mm",
        "gel.thickness_m": "assumed; 4 mm in simulators of the 2014 unit",
        "gel.youngs_modulus_pa": "not published for this unit; Shore A 5-20 gives 0.28-0.73 MPa, a related gel 0.15 MPa",
        "gel.poisson_ratio": "0.485 in a related gel",
        "gel.density_kg_m3": "default for silicone",
        "gel.friction": "not measured anywhere; 0.5-1.6 in published code",
        "gel.kinetic_friction_ratio": "default",
        "gel.relaxation": "none: no measurement of these gels is known to us",
        "gel.dome_radius_m": "sphere fit to the height map published with [Taxim]",
        "gel.grid_shape": "our choice: 8 x 8 pixels a cell",
        "camera.image_shape": "[gelsight_driver] 480 rows x 640 columns",
        "camera.pixel_pitch_m": "[Taxim] 0.0295 mm a pixel; 0.024-0.030 elsewhere",
        "camera.fps": "30 Hz in the data sets made with it",
        "camera.distance_m": "pinhole of 40 degrees over the long side, assumed",
        "camera.noise_std": "set by eye against real images",
        "camera.blur_px": "set by eye against real images",
        "camera.vignetting": "set by eye against real images",
        "camera.exposure_drift": "none for the type: exposure held fixed; units draw theirs (`unit.py`)",
        "response": "not calibrated to a 2017 unit: our fit to 48 ball presses of another, markerless GelSight, published with the PyPI "
        "package taxim 1.4.1 (MIT), ball radius 2 mm: experiments/fit_presets.py",
        "background": "the smooth part (8 x 8 cosines) of that same sensor at rest",
        "lights": "our fit to the same presses; numbers that describe the light, not a survey of the housing",
        "coating": "our fit to the same presses",
        "markers": "not published for this unit; 8 x 8 is the default of the laboratory's tracking code; pitch, diameter and depth assumed",
        "working_range": "10 N and 2 mm are defaults",
    },
)
