r"""# Routing learned by reinforcement

A. Clark et al., *Unified Scaling Laws for Routed Language Models*,
[arXiv 2202.01169](https://arxiv.org/abs/2202.01169), the variant RL-R.

## The design

Most routers learn through the weight of the expert's output. Here there is no weight: the expert's output is used as
it is, and no gradient of the loss reaches the router. Instead the choice is an action, drawn from the router's
distribution, and rewarded by how well the token's target was then predicted. REINFORCE makes rewarded actions more
likely:

$$\pi(i \mid x) = \mathrm{softmax}(W x)_i, \qquad i_t \sim \pi(\cdot \mid x_t), \qquad y_t = f_{i_t}(x_t)$$

$$\nabla_W J = \mathbb{E}\Big[\frac{1}{T}\sum_t A_t\, \nabla_W \log \pi(i_t \mid x_t)\Big], \qquad
A_t = \frac{R_t - \bar R}{s_R}, \qquad R_t = -\mathrm{CE}_t$$

The policy's loss is minus the inner sum without the gradient sign, for every layer, with the same rewards.
Subtracting a number that does not depend on the action leaves the expected direction as it is and makes it less noisy.
Mean and deviation of the batch do depend on it, as the token's own reward is among many: they bend the direction a
little, the less the more tokens there are. Outside training the most probable expert is taken.

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $W$ | router weights | `router.weight_ED` |
| $\pi$ | policy | |
| $i_t$ | the expert drawn | `torch.multinomial` |
| $\mathrm{CE}_t$ | cross-entropy of the prediction made at token $t$, in nats | `rewards` |
| $\bar R$, $s_R$ | mean and standard deviation of the rewards of the batch | `policy_loss` |
| $A_t$ | advantage; no gradient flows through it | |
| $T$ | tokens of the batch | |

## What the metrics mean

- `aux_policy`: the policy's loss, summed over layers. Its value says little: only its gradient is meant.
- `aux_load_balance`: Switch's balancing loss; 1 is even.
- `choice_probability`: mean probability of the experts taken; near $1/N$ the router has learned nothing, at 1 it has
  stopped exploring.
- `router_entropy`: of the policy, in nats. `load_cv`, `max_violation`: spread of the load. `dropped_fraction`: 0.

## Which tokens see each other

In the layer none: a token's expert depends on that token (and, in training, on chance) alone. The rewards of a batch
share a mean, which touches the gradient only.

## Where it deviates

- *Gap.* Survey A (4.1.1) and the review of sparse experts (its section 4.1) give the outline above: REINFORCE, the
  negative cross-entropy as reward, one expert, an output that is not scaled. Searched for more (the paper's text,
  public code with "RL-R", pages about the paper): its baseline, exploration, balancing and coefficients were not to
  be found. This project's choices: rewards are centred and scaled by mean and deviation of the batch; actions are
  drawn from the policy itself; Switch's balancing loss keeps the policy from collapsing onto one expert.
- The policy's gradient stays in the router: it does not shape the tokens' vectors. This project's choice.
- Every layer's choice at a token is rewarded by that token's own prediction, although earlier layers also act on
  later tokens, through attention.
- Experts in all layers.

## What it was checked against

The exact gradient of the expected reward, by enumerating every action in float64: where standardising changes nothing,
the expectation of the loss's gradient equals it, with and without a baseline; for a batch of four tokens that is
standardised it equals a sum by hand, and its cosine with the exact gradient is at least 0.8. A float64 loop for outputs
and gradients, given the drawn experts; actions are drawn in proportion to the policy. Then: no gradient of the outputs
reaches the router; causality.

## How long, and what to see

A default run takes one to two minutes on two cores. Watch `choice_probability` and `router_entropy`: the policy
sharpens slowly, for each reward speaks of one action only, and in text most of a reward's variance is how hard the
byte was, not which expert was drawn. Set `policy_coefficient` to 0 to see what remains: random routing with a
balancing loss. On the clustered task, where one layer's choice decides, the policy finds the clusters.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.configs.reinforce import ReinforceConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import Points


@dataclass(frozen=True, kw_only=True)
class PolicyRouting(SparseRouting):
    """Routing by drawn actions.

    Attributes:
        log_probability_T: log-probability of each token's expert, with gradient.
    """

    log_probability_T: Tensor


class ReinforceRouter(LinearRouter):
    """An expert drawn from the policy, the most probable one outside training; see the module's docstring."""

    def __init__(self, config: ReinforceConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> PolicyRouting:
        """Draw an expert for each token."""
        # The policy learns from rewards alone: nothing of it may reach the tokens' vectors.
        log_policy_TE = self.logits(x_TD.detach()).log_softmax(-1)
        policy_TE = log_policy_TE.exp()
        if self.training and len(x_TD):
            expert_T1 = torch.multinomial(policy_TE.detach(), 1)
        else:
            expert_T1 = policy_TE.argmax(-1, keepdim=True)
        chosen_T = policy_TE.detach().gather(1, expert_T1)[:, 0]
        balance = load_balancing_loss(policy_TE, expert_T1, "per-token")
        return PolicyRouting(
            token_A=torch.arange(len(x_TD), device=x_TD.device),
            expert_A=expert_T1[:, 0],
            weight_A=torch.ones_like(chosen_T),
            log_probability_T=log_policy_TE.gather(1, expert_T1)[:, 0],
            demand_E=torch.bincount(expert_T1[:, 0], minlength=self.n_experts),
            entropy=entropy(policy_TE),
            n_tokens=len(x_TD),
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)},
            stats={"choice_probability": float(chosen_T.sum()) / max(len(x_TD), 1)},
        )


def policy_loss(log_probability_T: Tensor, reward_T: Tensor) -> Tensor:
    """REINFORCE: minus the mean of advantage times log-probability; the advantage is the standardised reward."""
    reward_T = reward_T.detach().to(log_probability_T.dtype)
    centred_T = reward_T - reward_T.mean()
    advantage_T = centred_T / centred_T.square().mean().sqrt().clamp(min=1e-8)
    return -(advantage_T * log_probability_T).mean()


def rewards(batch: Any, output: Tensor) -> Tensor:
    """Minus the cross-entropy of each token's prediction, in nats, [T]."""
    target_BS = batch.label_BS if isinstance(batch, Points) else batch.target_BS
    return -F.cross_entropy(output.detach().flatten(0, 1), target_BS.flatten(), reduction="none")


def run_model(task: Task, batch: Any) -> Forward:
    """Run the model, and in training add the policy's loss of each layer, all with the same rewards."""
    done = task.forward(batch)
    log_probabilities = [
        info.routing.log_probability_T for info in done.infos.values() if isinstance(info.routing, PolicyRouting)
    ]
    if not task.model.training or not log_probabilities:
        return done
    assert isinstance(task.config, ReinforceConfig)
    reward_T = rewards(batch, done.output)
    loss = sum((policy_loss(log_T, reward_T) for log_T in log_probabilities), start=reward_T.new_zeros(()))
    return replace(done, losses={"policy": AuxiliaryLoss(loss, task.config.policy_coefficient)})


def make_layer(config: ReinforceConfig) -> MoELayer:
    """SwiGLU experts behind a policy."""
    return moe_layer(config, ReinforceRouter(config))
