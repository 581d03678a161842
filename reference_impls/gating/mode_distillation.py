r"""# MoDE: experts that learn from each other

Z. Xie et al., *MoDE: A Mixture-of-Experts Model with Mutual Distillation among the Experts*,
[arXiv 2402.00893](https://arxiv.org/abs/2402.00893), of which the abstract and the introduction were at hand, and
equation 8 of the survey *Mixture of Experts in Large Language Models* (D. Zhang et al., 2025), which states the loss.

## The design

A router shows each expert only the tokens that it sends there: the paper calls this narrow vision. In MoDE the
experts also teach each other. On the same tokens, whatever the router thinks of these, the outputs of every two
experts are drawn together:

$$\mathcal{L} = \mathcal{L}_{\mathrm{task}} + \alpha\, \mathcal{L}_{\mathrm{distill}}, \qquad
\mathcal{L}_{\mathrm{distill}} = \frac{1}{N (N - 1)} \sum_{i=1}^{N} \sum_{j \ne i} \frac{1}{|S|} \sum_{x \in S}
\mathrm{KL}\big( q_i(x) \,\Vert\, q_j(x) \big)$$

$$q_i(x) = \mathrm{softmax}\big(E_i(x)\big), \qquad y = \sum_{i \in \mathrm{TopK}(W_g x)} g_i(x)\, E_i(x)$$

The loss works against specialisation, so it must be moderate: as $\alpha$ grows the experts become one.

| symbol | meaning | here |
|---|---|---|
| $E_i$, $N$ | expert $i$ of $N$ | `experts`, `n_experts` |
| $q_i(x)$ | its output for $x$ as a distribution over the $D$ coordinates | |
| $S$ | tokens of the batch that all experts are compared on | `distilled_fraction` |
| $\alpha$ | strength of the distillation | `distillation_coefficient` |
| $g_i$, $W_g$ | Mixtral's routing: softmax over the chosen logits | `router.weight_ED` |

The double sum needs no loop over pairs: $\sum_{i,j} \mathrm{KL}(q_i \Vert q_j) =
N \sum_i q_i \cdot \log q_i - \big(\sum_i q_i\big) \cdot \big(\sum_j \log q_j\big)$.

With `divergence = squared`, $\lVert E_i(x) - E_j(x) \rVert^2 / D$ takes the place of the divergence.

## What the metrics mean

- `aux_distillation`: the mean above without $\alpha$, mean over layers; measured in training only. 0 means that the
  experts cannot be told apart.
- `aux_load_balance`, `load_cv`, `max_violation`, `router_entropy`: as for Mixtral.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the loss compares experts token by token, and nothing of it is left outside training. Changing later bytes never
changes earlier logits.

## Where it deviates

- *Gap.* The survey writes a divergence between outputs of experts, which are distributions where an expert is a
  classifier. An expert inside a network puts out a vector; the softmax over its coordinates is this project's choice,
  and `divergence` offers the squared difference. Of the paper's own definition only that a coefficient $\alpha$
  moderates the loss was found in what was at hand (stored pages and public code were searched; two private
  re-implementations use a softmax with a temperature on classifier outputs).
- The sum over pairs is divided by their number, so that $\alpha$ means the same for any $N$.
- Running all experts on all tokens costs $N / K$ times the layer. Each step compares them on a random share of the
  tokens; the expectation is the same.
- The gradient flows into both sides of each pair: nothing that was at hand stops it.
- The balancing loss is Mixtral's, see its page; default $\alpha$ is this project's choice.

## What it was checked against

Outside training outputs are those of `MixtralSparseMoeBlock` of transformers, with gradients. The loss against
`torch.nn.functional.kl_div` over all pairs with its gradient, and against a float64 loop from tokens to divergence, for
both divergences. Then what the paper promises: an expert that no token is sent to still has a gradient; the loss of
equal experts is zero; its descent draws experts together. The common checks of every design and the clustered task
are beside them.

## How long, and what to see

With an eighth of the tokens and 8 experts of which a token uses 2, the experts' work grows by a half. One should see
`aux_distillation` fall while bits per byte hardly change; raise `distillation_coefficient` to 1 and the experts become
alike: `aux_distillation` goes to zero and the specialisation measured by `information` with it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.configs.mode_distillation import MoDEConfig
from reference_impls.core.build import expert_bank
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Routing, wide
from reference_impls.gating.mixtral import MixtralTop2Router


class MoDELayer(MoELayer):
    """Mixtral's routing over experts that teach each other in training; see the module's docstring."""

    experts: ExpertBank

    def __init__(self, config: MoDEConfig) -> None:
        super().__init__(MixtralTop2Router(config), expert_bank(config))
        self.config = config

    def expert_losses(self, x_TD: Tensor, routing: Routing) -> dict[str, AuxiliaryLoss]:
        """In training, the divergence of all experts on a random share of the tokens."""
        if not self.training:
            return {}
        T = len(x_TD)
        n = max(round(self.config.distilled_fraction * T), min(1, T))
        sampled_TD = x_TD[torch.randperm(T, device=x_TD.device)[:n]]
        outputs_ETD = all_outputs(sampled_TD, self.experts)
        divergence = kl_divergence if self.config.divergence == "kl" else squared_difference
        loss = divergence(outputs_ETD).sum() / max(n, 1)
        return {"distillation": AuxiliaryLoss(loss, self.config.distillation_coefficient)}


def all_outputs(x_TD: Tensor, bank: ExpertBank) -> Tensor:
    """Outputs [E, T, D] of every expert for every token, in at least float32."""
    hidden_ETF = bank.activate(torch.einsum("td,eid->eti", x_TD, bank.w_in_EID))
    output_ETD = torch.einsum("etf,edf->etd", hidden_ETF, bank.w_out_EDF)
    return wide(output_ETD)


def kl_divergence(output_ETD: Tensor) -> Tensor:
    """For each token [T] the mean over ordered pairs of experts of KL(q_i || q_j); 0 of one expert."""
    E = len(output_ETD)
    log_ETD = F.log_softmax(output_ETD, dim=-1)
    q_ETD = log_ETD.exp()
    total_T = E * (q_ETD * log_ETD).sum((0, 2)) - (q_ETD.sum(0) * log_ETD.sum(0)).sum(-1)
    return total_T / max(E * (E - 1), 1)


def squared_difference(output_ETD: Tensor) -> Tensor:
    """For each token [T] the mean over ordered pairs of experts and coordinates of the squared difference."""
    E, _, D = output_ETD.shape
    total_T = 2 * E * (output_ETD - output_ETD.mean(0)).square().sum((0, 2))
    return total_T / (max(E * (E - 1), 1) * D)


def make_layer(config: MoDEConfig) -> MoELayer:
    """A layer of SwiGLU experts that teach each other in training."""
    return MoDELayer(config)
