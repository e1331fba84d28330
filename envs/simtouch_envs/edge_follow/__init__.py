"""Edge following: contours and numbered shapes, the plate that is felt, the environment and its expert."""
