"""Shapes and places, no touch yet: rigid transforms, grids on the gel, and an indenter seen from the gel."""
