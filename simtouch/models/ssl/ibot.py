"""iBOT's loss on some tokens only: logits and probabilities of patch tokens in, one number out.

    loss = mean_b mean_{n in M_b} H(p_bn, student_bn),  M_b the tokens of a mask                                           (1)
    loss = sum over pairs of views of mean_b mean_{n in M_b} H(p_b match(n), student_bn),  M_b the patches in both views   (2)

H is the cross-entropy of `view_pairs`. As published, the n-th token of one view is compared with the n-th of the other wherever
both lie, which is `CenteredLoss` with tokens; (2) compares tokens of one patch. Ref: Zhou et al., "iBOT", ICLR 2022.
"""

import torch

from simtouch.models.ssl.view_pairs import cross_entropy


def masked_cross_entropy(
    logits: torch.Tensor, probabilities: torch.Tensor, mask: torch.Tensor, temperature: float
) -> torch.Tensor:
    """(1); samples without a token in the mask count as 0.

    Args:
        logits: Of the student, (B, N, K).
        probabilities: Of the teacher, (B, N, K).
        mask: Which tokens count, bool (B, N).
        temperature: The student's.
    """
    mask = mask.to(torch.float32)
    entropy = cross_entropy(probabilities, logits.float() / temperature)
    return ((entropy * mask).sum(-1) / mask.sum(-1).clamp(min=1)).mean()


def matching_tokens(
    logits: torch.Tensor,
    probabilities: torch.Tensor,
    masks: torch.Tensor,
    patches: int,
    temperature: float,
    *,
    same_view_pairs: bool,
) -> torch.Tensor:
    """(2); a pair of views of a sample that have no patch in common counts as 0.

    Args:
        logits: Of the student, (G, B, N, K).
        probabilities: Of the teacher, (G, B, N, K).
        masks: Which patch a token is of, int64 (B, G, N).
        patches: Of the whole grid.
        temperature: The student's.
        same_view_pairs: Also pairs of one view with itself.
    """
    total = logits.new_zeros((), dtype=torch.float32)
    for t, teacher in enumerate(probabilities):
        rows = masks.new_full((masks.shape[0], patches), -1)
        rows.scatter_(1, masks[:, t], torch.arange(masks.shape[2], device=masks.device).expand_as(masks[:, t]))
        for s, student in enumerate(logits):
            if s == t and not same_view_pairs:
                continue
            match = rows.gather(1, masks[:, s])
            target = teacher.gather(1, match.clamp(min=0)[:, :, None].expand_as(teacher))
            total = total + masked_cross_entropy(student, target, match >= 0, temperature)
    return total
