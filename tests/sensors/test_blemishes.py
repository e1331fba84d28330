import pytest

from simtouch._checks import ArgumentError
from simtouch.sensors import Blemishes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dust": -1}, "`dust`"),
        ({"dust": 2.5}, "`dust`"),
        ({"scratches": 100_000}, "`scratches`"),
        ({"dust_radius_m": 0.0}, "`dust_radius_m`"),
        ({"dust_loss": 1.5}, "`dust_loss`"),
        ({"wear": -2.0}, "`wear`"),
        ({"scratch_gain": float("nan")}, "`scratch_gain`"),
        ({"seed": -3}, "`seed`"),
    ],
)
def test_bad_marks_are_refused(values, message):
    with pytest.raises(ArgumentError, match=message):
        Blemishes(**values)
