"""The router of Reinforcement-learned router; the page is README.md."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy
from reference_impls.designs.reinforcement_learned_router.config import ReinforceConfig
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import Points


@dataclass(frozen=True, kw_only=True)
class PolicyRouting(SparseRouting):
    """Routing by drawn actions.

    Attributes:
        log_probability_T: log-probability of each token's expert, with gradient.
    """

    log_probability_T: Tensor


class ReinforceRouter(LinearRouter[ReinforceConfig]):
    """An expert drawn from the policy, the most probable one outside training; see README.md."""

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
            load_E=torch.bincount(expert_T1[:, 0], minlength=self.n_experts),
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
    assert isinstance(task.config.layer, ReinforceConfig)
    reward_T = rewards(batch, done.output)
    loss = sum((policy_loss(log_T, reward_T) for log_T in log_probabilities), start=reward_T.new_zeros(()))
    return replace(done, losses={"policy": AuxiliaryLoss(loss, task.config.layer.policy_coefficient)})


make_layer = routed_by(ReinforceRouter, ReinforceConfig)
DESIGN = Design(make_layer, run_model=run_model)
