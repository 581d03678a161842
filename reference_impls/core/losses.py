"""Auxiliary losses of routers, unscaled, each convention under its own name.

Well-known libraries compute "the" balancing loss differently: they differ in what they divide the counts
by, in whether they count every choice or only the first, and in which tokens they balance together. The
same logits therefore give different values, and a coefficient means nothing without its convention.
"""

from typing import Literal

import torch
from torch import Tensor

BalanceConvention = Literal["per-token", "per-assignment", "first-choice"]

SMALLEST_PROBABILITY = 1e-30  # below it, p log p and its gradient count as nothing


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


def masked_balance_loss(score_TE: Tensor, kept_TE: Tensor, choices: float) -> Tensor:
    r"""Load-balancing loss $E \sum_i f_i P_i$ over all tokens, where tokens differ in their number of choices.

    $P_i$ is the mean score of expert i, $f_i$ the tokens that chose it divided by `choices`. Divided by the
    choices that were made, and of scores that add up to 1, it is 1 under perfect balance, as in the convention
    `per-assignment` of `load_balancing_loss`.

    Returns:
        A scalar; 0 (with gradient 0) when there is no token or no choice.
    """
    fraction_E = kept_TE.sum(0).to(score_TE.dtype) / max(choices, 1)
    mean_E = score_TE.sum(0) / max(len(score_TE), 1)
    return score_TE.shape[1] * (fraction_E * mean_E).sum()


def router_z_loss(logit_TE: Tensor) -> Tensor:
    r"""Mean over tokens of $(\log \sum_i e^{\ell_i})^2$, which keeps the logits small; 0 of no tokens."""
    return torch.logsumexp(logit_TE, dim=-1).square().sum() / max(len(logit_TE), 1)


def squared_cv(value_E: Tensor) -> Tensor:
    """Population variance over squared mean along the last axis; 0 of equal values, and of zeros.

    Shazeer et al. (arXiv 1701.06538, equations 7 and 11) and V-MoE (arXiv 2106.05974, appendix A) take it of the
    summed weights (importance) and of the estimated counts (load) of the experts.
    """
    mean = value_E.mean(-1)
    variance = (value_E - mean[..., None]).square().mean(-1)
    return variance / mean.square().clamp(min=torch.finfo(mean.dtype).tiny)


def mean_squared_cv(value_TE: Tensor, group_T: Tensor, n_groups: int) -> Tensor:
    """`squared_cv` of what each group of tokens adds up to by expert, the mean over groups that have a token."""
    sum_GE = value_TE.new_zeros(n_groups, value_TE.shape[1]).index_add(0, group_T, value_TE)
    n_filled = (torch.bincount(group_T, minlength=n_groups) > 0).sum()
    return squared_cv(sum_GE).sum() / n_filled.clamp(min=1)


def token_information_loss(probability_TE: Tensor) -> Tensor:
    r"""Minus the mutual information of token and expert, in nats: $\frac{1}{T} \sum_t H(p_t) - H(\bar p)$.

    Between $-\ln E$ (every token certain, all experts used alike) and 0 (all tokens alike); 0 of no tokens.
    """
    T = max(len(probability_TE), 1)
    return entropy_nats(probability_TE).sum() / T - entropy_nats(probability_TE.sum(0) / T)


def label_information_loss(probability_TE: Tensor, label_T: Tensor, n_labels: int) -> Tensor:
    r"""Minus the mutual information of label and expert, in nats: $-\sum_{l,e} P(l, e) \log \frac{P(l, e)}{P(l) P(e)}$.

    $P(l, e)$ is the sum of the probabilities of expert e over the tokens of label l, divided by all tokens.
    """
    T, E = probability_TE.shape
    joint_LE = probability_TE.new_zeros(n_labels, E).index_add(0, label_T, probability_TE) / max(T, 1)
    apart = entropy_nats(joint_LE.sum(0)) + entropy_nats(joint_LE.sum(1))
    return entropy_nats(joint_LE.flatten()) - apart


def entropy_nats(probability_XE: Tensor) -> Tensor:
    """Entropy of each distribution along the last axis, its gradient finite also at zero."""
    log_XE = probability_XE.clamp(min=SMALLEST_PROBABILITY).log()
    return -(probability_XE * log_XE).sum(-1)
