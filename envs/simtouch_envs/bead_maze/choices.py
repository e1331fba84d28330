"""What may be asked of the bead maze: choices and mazes by name or number in, checked ones out, or an error that lists what is known."""

from simtouch import indenters
from simtouch._checks import ArgumentError, pick
from simtouch.indenters.solid import Solid
from simtouch.indenters.textured_ball import TEXTURES
from simtouch_envs.bead_maze.mazes import FAMILIES, Bead, Maze, maze
from simtouch_envs.numbered import SPLITS, parts_of

CHOICES = {
    "split": SPLITS,
    "robot": ("floating", "franka"),
    "action_mode": ("delta_xyz", "delta_joint"),
    "control_hz": (20, 10),
    "reward_type": ("dense", "sparse"),
}
"""Arguments of the environment with few answers."""


def check_choices(*, family: str, **given) -> None:
    """Refuse what is not known."""
    pick("family", family, FAMILIES)
    for name, value in given.items():
        if value not in CHOICES[name]:
            raise ArgumentError(f"`{name}` must be one of {', '.join(map(str, CHOICES[name]))}; got {value!r}.")
    if given.get("action_mode") == "delta_joint" and given.get("robot") == "floating":
        raise ArgumentError(
            "`action_mode` delta_joint moves the joints of an arm: `robot` must be franka; floating has only delta_xyz."
        )


def maze_of(chosen: int | str | Maze, family: str, split: str, bead: Bead) -> Maze:
    """A maze by its number in the split, by its name as `snake/test/7`, or as it is; the hand must be able to turn with it."""
    if isinstance(chosen, str):
        chosen = maze(*parts_of("maze", chosen, "snake"), bead)
    if not isinstance(chosen, Maze):
        return maze(family, split, chosen, bead)
    if FAMILIES[chosen.family].yaw != FAMILIES[family].yaw:
        like = ", ".join(name for name, kind in FAMILIES.items() if kind.yaw == FAMILIES[family].yaw)
        raise ArgumentError(f"`maze` must be of a family that this hand can follow, {like}; got {chosen.name}.")
    return chosen


def ball_of(bead: Bead, texture: str | None) -> Solid:
    """What the gels touch: a smooth ball, or one with a pattern that turns with it."""
    if texture is None:
        return indenters.sphere(radius_m=bead.radius_m)
    pick("bead_texture", texture, TEXTURES)
    return indenters.textured_ball(bead.radius_m, texture)
