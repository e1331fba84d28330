"""The bead maze: wires and numbered mazes, their physics, the environment and its expert."""
