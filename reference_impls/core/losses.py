"""Auxiliary losses of routers, unscaled, each convention under its own name.

Well-known libraries compute "the" balancing loss differently: they differ in what they divide the counts
by, in whether they count every choice or only the first, and in which tokens they balance together. The
same logits therefore give different values, and a coefficient means nothing without its convention.
"""

from typing import Literal

import torch
from torch import Tensor

BalanceConvention = Literal["per-token", "per-assignment", "first-choice"]


def load_balancing_loss(
    probability_TE: Tensor,
    choice_TK: Tensor,
    convention: BalanceConvention,
    group_T: Tensor | None = None,
    n_groups: int = 1,
) -> Tensor:
    r"""Load-balancing loss $E \sum_i f_i P_i$, the mean over routing groups that have a token.

    $P_i$ is the mean router probability of expert i over the group's T tokens. $f_i$ is

    - `per-token`: choices of expert i, divided by T: perfect balance gives K (Mixtral in transformers);
    - `per-assignment`: the same divided by T * K: perfect balance gives 1;
    - `first-choice`: first choices of expert i, divided by T: perfect balance gives 1 (GShard's form).

    With K = 1 the three are one: Switch's equations 4 to 6.

    Args:
        probability_TE: softmax over all experts; the gradient flows through it alone.
        choice_TK: chosen experts, best first, before any capacity is applied.
        convention: which $f_i$, see above.
        group_T: which tokens are balanced together; all of them by default.
        n_groups: number of groups.

    Returns:
        A scalar; 0 (with gradient 0) when there is no token.
    """
    n_experts = probability_TE.shape[1]
    k = choice_TK.shape[1]
    if convention == "first-choice":
        choice_TK, k = choice_TK[:, :1], 1
    if group_T is None:
        group_T = torch.zeros(len(probability_TE), dtype=torch.int64, device=probability_TE.device)
    tokens_G = torch.bincount(group_T, minlength=n_groups).to(probability_TE.dtype)
    cell_TK = group_T[:, None] * n_experts + choice_TK
    count_GE = torch.bincount(cell_TK.flatten(), minlength=n_groups * n_experts).view(n_groups, n_experts)
    probability_GE = probability_TE.new_zeros(n_groups, n_experts).index_add(0, group_T, probability_TE)
    size_G = tokens_G.clamp(min=1)
    fraction_GE = count_GE.to(probability_TE.dtype) / size_G[:, None]
    if convention == "per-assignment":
        fraction_GE = fraction_GE / k
    loss_G = n_experts * (fraction_GE * probability_GE / size_G[:, None]).sum(1)
    return loss_G.sum() / (tokens_G > 0).sum().clamp(min=1)


def router_z_loss(logit_TE: Tensor) -> Tensor:
    r"""Mean over tokens of $(\log \sum_i e^{\ell_i})^2$, which keeps the logits small; 0 of no tokens."""
    return torch.logsumexp(logit_TE, dim=-1).square().sum() / max(len(logit_TE), 1)
