"""Views of one sample by two networks: logits of the student and probabilities of the teacher in, their cross-entropy out.

    H(p, z) = -sum_k p_k log softmax(z / T)_k = logsumexp(z / T) - p . z / T,    sum_k p_k = 1            (1)

T is the student's temperature. Student view s and teacher view t < G are the same one if s = t: the global views come first.
"""

import torch


def cross_entropy(probabilities: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
    """(1) of probabilities (..., K) and logits over the temperature (..., K); shape (...)."""
    return scaled.logsumexp(-1) - dot(probabilities, scaled)


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """sum_k a_k b_k, without the array of products."""
    return torch.einsum("...k,...k->...", a, b)


def sum_over_pairs(
    logits: torch.Tensor, probabilities: torch.Tensor, temperature: float, *, same_view_pairs: bool
) -> torch.Tensor:
    """(1) summed over the pairs of a student and a teacher view, shape (B, ...).

    Equals the sum over pairs term by term: what the teacher says of its views is added up first, which needs one pass a student view.

    Args:
        logits: Of the student, S views, global ones first, (S, B, ..., K).
        probabilities: Of the teacher, the G global views, (G, B, ..., K).
        temperature: The student's.
        same_view_pairs: Also pairs of one view with itself.
    """
    views = [*probabilities]
    everything = probabilities.sum(0)
    total = logits.new_zeros(logits.shape[1:-1], dtype=torch.float32)
    for s, student in enumerate(logits):
        others = views if same_view_pairs or s >= len(views) else views[:s] + views[s + 1 :]
        if not others:
            continue
        target = everything if len(others) == len(views) else torch.stack(others).sum(0)
        scaled = student.float() / temperature
        total = total + len(others) * scaled.logsumexp(-1) - dot(target, scaled)
    return total


def count_pairs(students: int, teachers: int, *, same_view_pairs: bool) -> int:
    """How many pairs of views `sum_over_pairs` adds up."""
    return students * teachers - (0 if same_view_pairs else min(students, teachers))
