"""Other people's calibration files, read as data: nothing in them is ever executed."""
