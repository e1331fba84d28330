"""What is known of one contact at one moment: a state of the gel and where its indenter is in, the fields of a `TactileFrame` out.

Each is worked out when it is first asked for: an environment reads a picture and few numbers of a frame, a dataset all of it.
"""

from functools import cached_property

import numpy as np

from simtouch.gel.lift import Lift
from simtouch.gel.markers import marker_flow
from simtouch.gel.slip import slip_ratio, slip_state
from simtouch.gel.surface import GelSurface, centre_of_pressure, torsion, wrench
from simtouch.sensors.spec import SensorSpec


class Reading:
    """One contact now. What it is given is not to be written to."""

    def __init__(
        self,
        spec: SensorSpec,
        rest_m: np.ndarray,
        surfaces: GelSurface,
        index: int,
        *,
        slip_m: np.ndarray,
        dt_s: float,
        time_s: float,
        pose: np.ndarray,
        most_m: float,
    ):
        """`surfaces`: states of a batch, this contact's at `index`; `rest_m`: resting height of the cells; the rest as in a frame."""
        self._spec, self._rest, self._surfaces, self._index = spec, rest_m, surfaces, index
        self._dt_s, self.gel_T_indenter, self.indent_depth_m = dt_s, pose.copy(), max(0.0, most_m)
        self.slip_m, self.time_s, self.friction, self.cell_size_m = slip_m, time_s, spec.gel.friction, spec.gel_grid.spacing_m

    @cached_property
    def _surface(self) -> GelSurface:
        return self._surfaces.at(self._index)

    @cached_property
    def contact_mask(self) -> np.ndarray:
        return self._surface.contact_mask

    @cached_property
    def stick_mask(self) -> np.ndarray:
        return self.contact_mask & ~self._surface.slides

    @property
    def normal_traction_pa(self) -> np.ndarray:
        return self._surface.normal_traction_pa

    @property
    def shear_traction_pa(self) -> np.ndarray:
        return self._surface.shear_traction_pa

    @property
    def displacement_m(self) -> np.ndarray:
        return self._surface.displacement_m

    @cached_property
    def slip_rate_m_s(self) -> np.ndarray:
        return self._surface.slip_m / np.float32(self._dt_s)

    @cached_property
    def _wrench(self) -> tuple[np.ndarray, np.ndarray]:
        return wrench(self._surface, self._spec.gel_grid, self._rest)

    @property
    def force_n(self) -> np.ndarray:
        return self._wrench[0]

    @property
    def torque_nm(self) -> np.ndarray:
        return self._wrench[1]

    @cached_property
    def centre_of_pressure_m(self) -> np.ndarray:
        return centre_of_pressure(self._surface, self._spec.gel_grid)

    @property
    def torsion_nm(self) -> float:
        return torsion(self.force_n, self.torque_nm, self.centre_of_pressure_m)

    @property
    def slip_state(self) -> str:
        return slip_state(self.contact_mask, self._surface.slides)

    @property
    def slip_ratio(self) -> float:
        return slip_ratio(self.contact_mask, self._surface.slides)

    @property
    def contact_area_m2(self) -> float:
        return float(np.count_nonzero(self.contact_mask)) * self.cell_size_m**2

    @property
    def leaves_view(self) -> bool:
        """Whether the rectangle that holds the contact reaches the first or last row or column."""
        each = zip(self._surface.where, self.contact_mask.shape, strict=True)
        return any(s.stop > 0 and (s.start == 0 or s.stop == n) for s, n in each)

    @cached_property
    def _markers(self) -> tuple[np.ndarray, np.ndarray]:
        return marker_flow(self._spec, self._surface.displacement_m)

    @property
    def markers_px(self) -> np.ndarray:
        return self._markers[0]

    @property
    def flow_px(self) -> np.ndarray:
        return self._markers[1]


class SeenReading(Reading):
    """One contact that the camera has looked at."""

    def __init__(self, *given, lift: Lift, seen: np.ndarray, **known):
        """`seen`: the rows of its surface as `lift` made them."""
        super().__init__(*given, **known)
        self._lift, self._seen = lift, seen

    @property
    def height_m(self) -> np.ndarray:
        return self._lift.image(self._seen)
