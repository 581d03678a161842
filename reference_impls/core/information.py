"""Losses that ask experts and tokens, or experts and tasks, to know much of each other."""

from torch import Tensor

SMALLEST_PROBABILITY = 1e-30  # below it, p log p and its gradient count as nothing


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
