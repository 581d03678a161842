"""Mutual information of tokens and experts, as a loss."""

from torch import Tensor

from reference_impls.core.adaptive import mean_entropy


def mutual_information_loss(probability_TE: Tensor) -> Tensor:
    r"""Minus the mutual information of token and expert, $\frac1T\sum_x H(e \mid x) - H(e)$, in nats.

    $H(e)$ is the entropy of the mean distribution, which an even load makes largest; $H(e \mid x)$ that of one
    token's, which a decided router makes smallest. The least value is $-\ln E$; 0 of no tokens.
    """
    if len(probability_TE) == 0:
        return probability_TE.sum()
    return mean_entropy(probability_TE) - mean_entropy(probability_TE.mean(0, keepdim=True))
