"""Grasp and lift: numbered jars of unknown weight, their physics, the environment and its expert."""
