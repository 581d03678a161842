"""One expert a token, weighted by the sigmoid of its logit: what BASE and S-BASE do once experts are assigned."""

from torch import Tensor

from reference_impls.core.routing import SparseRouting, top_k_routing


def sigmoid_weighted(logit_TE: Tensor, expert_T: Tensor, best_T: Tensor) -> SparseRouting:
    """Send each token to its assigned expert.

    Args:
        logit_TE: logits of all experts.
        expert_T: the expert assigned to each token.
        best_T: the expert of the token's largest logit; how many got it is reported as `best_expert_fraction`.
    """
    weight_T1 = logit_TE.gather(1, expert_T[:, None]).sigmoid()
    got_best = float((expert_T == best_T).sum()) / max(len(expert_T), 1)
    return top_k_routing(
        weight_T1, expert_T[:, None], logit_TE.shape[1], probability_TE=logit_TE.detach().softmax(-1),
        stats={"best_expert_fraction": got_best},
    )  # fmt: skip
