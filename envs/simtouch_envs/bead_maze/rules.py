"""The rules of the bead maze: what happened in a step in; why it is lost, and what it is worth, out."""

from typing import Literal

_OFF_WIRE_M = 8e-3
Lost = Literal["slip", "off_wire", "force", False]


def why_lost(*, slip_m: float, reach_m: float, off_wire_m: float, net_n: float, budget_n: float) -> Lost:
    """Why the bead is lost, or False.

    Args:
        slip_m: How far it has slipped over the pads [m].
        reach_m: From the middle of a pad to its nearest rim [m].
        off_wire_m: From its middle to the wire [m].
        net_n: Force between wire and hand [N].
        budget_n: Most of it [N].
    """
    if slip_m > reach_m:
        return "slip"
    if off_wire_m > _OFF_WIRE_M:
        return "off_wire"
    return "force" if net_n > budget_n else False


def reward_terms(kind: str, *, gained_m: float, net_n: float, won: bool, lost: bool) -> dict[str, float]:
    """The named terms of a step's reward, dense or sparse."""
    if kind == "sparse":
        return {"success": float(won)}
    return {
        "progress": 100.0 * gained_m,
        "force": -0.02 * net_n,
        "time": -0.01,
        "success": 5.0 * won,
        "lost": -5.0 * lost,
    }
