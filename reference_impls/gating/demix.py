r"""# DEMix: an expert for each domain, mixed by Bayes' rule

S. Gururangan et al., *DEMix Layers: Disentangling Domains for Modular Language Modeling*,
[arXiv 2108.05036](https://arxiv.org/abs/2108.05036). Inference follows the authors' public code (kernelmachine/demix:
`fairseq/sequence_scorer.py`, `fairseq_cli/ensemble_eval_lm.py`) and the mixture as the survey of Cai et al.
describes it (section 4.1.1).

## The design

In training the domain $d$ of a text is known, and names the expert of all its tokens in every layer, with weight one:

$$y_t = E_{d \bmod N}(x_t)$$

At inference the domain of a text is not given, or the text is of none or several. The whole model is then run $N$
times, each time with the experts of one domain, and the predictions are averaged with the weights that the text so
far has earned them:

$$p(u_t \mid u_{<t}) = \sum_{d=1}^{N} p(d \mid u_{<t})\; p_d(u_t \mid u_{<t})$$

By Bayes' rule each new token multiplies the weight of a domain by what the domain's model gave it (`history`):

$$p(d \mid u_{<t}) = \frac{p(d) \prod_{s<t} p_d(u_s \mid u_{<s})}{\sum_{j} p(j) \prod_{s<t} p_j(u_s \mid u_{<s})},
\qquad p(d) = \frac{1}{N}$$

`last` keeps only the factor $s = t - 1$, `average` none of them, and `known` takes the given domain's model.

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $d$ | domain of the sequence | the `domain` that the layer is told |
| $N$ | experts | `n_experts` |
| $u_t$ | what is predicted at $t$: the next byte, or the label of point $t$ on the clustered task | |
| $p_d$ | prediction of the model with the experts of domain $d$ | `log_p_EBSC` |
| $p(d \mid u_{<t})$ | weight of that prediction | `log_weight_EBS` |

## What the metrics mean

- `cross_entropy`: in training of the known domain's model, at validation of the mixture, in nats;
  `bits_per_byte` is the same divided by $\ln 2$. There is no auxiliary loss.
- `aux_known_domain`: at validation, the cross-entropy that the known domain's model has on the same text; its
  difference from `cross_entropy` is the price of not knowing (or the gain of a second opinion). It has weight 0 in
  `loss`.
- `load_cv`, `max_violation`: in training the spread of domains; at validation that of the mixture's weights.
- `router_entropy`: at validation the entropy of the weights, in nats: 0 is certainty, $\ln N$ none.
- `information`: at validation mutual information of the weights and the true domain: how much the history says.
- `dropped_fraction`: always 0.

## Which tokens see each other

None in the layer: its output depends on the token and on the given domain. In the mixture the weights at $t$ come from
what was predicted before $t$ and turned out, so a later token never changes an earlier prediction.

## Where it deviates

- The prior is uniform. The paper's best prior is estimated on other text of the target domain, as a moving average of
  the posteriors of some sequences; validation here mixes all domains, so that there is no one target.
- The authors' code multiplies the prior with the probability of the last token alone, `last`; the whole history is the
  equation's, and the default.
- The code places an expert on each device and averages the gradients of the other weights over devices; here the
  batch holds sequences of all domains.
- With more domains than experts, domain $d$ shares the expert of $d - N$.
- Each domain of the text has as much text as the others; the paper's differ.
- No biases in the experts.

## What it was checked against

The layer against a plain float64 loop. The mixture against Bayes' rule taken one step at a time, in probabilities
instead of their logarithms, for the four ways of inference. Properties: predictions add up to one, changed later
tokens change no earlier prediction, with equal experts the mixture is any one of them, and with `history` the
cross-entropy of a sequence is at most $\ln N$ above that of its best expert. No independent library does this.

## How long, and what to see

Training costs what a dense model of an expert's width costs, validation $N$ times as much. At validation the weights
soon settle, so that `router_entropy` is small over a whole sequence; `information` tells how far they settle on the
text's own domain. Either way `cross_entropy` stays near `aux_known_domain`: a domain that explains the text as well
costs nothing. Compare `inference: last` and `average`, which throw evidence away. On the clustered task each point's
label is evidence of the cluster, and accuracy suffers from the first points of a sequence, where there is none yet.
"""

from typing import Any

import torch
from torch import Tensor

from reference_impls.configs.demix import DemixConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.core.routing import AuxiliaryLoss, dense_routing
from reference_impls.gating.task_id import TaskIdRouter
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import Points


def make_layer(config: DemixConfig) -> MoELayer:
    """A layer whose experts belong to domains."""
    return moe_layer(config, TaskIdRouter(config.n_experts))


def run_model(task: Task, batch: Any) -> Forward:
    """In training the model of the known domain, otherwise the mixture of all."""
    config = task.config
    assert isinstance(config, DemixConfig)
    if task.model.training or config.inference == "known":
        return task.forward(batch)
    target_BS, domain_B = _told(batch)
    runs = [task.forward(batch, domain=torch.full_like(domain_B, d)) for d in range(config.n_experts)]
    log_p_EBSC = torch.stack([run.output for run in runs]).log_softmax(-1)
    earned_EBS = log_p_EBSC.gather(-1, target_BS.expand(len(runs), -1, -1)[..., None])[..., 0]
    log_weight_EBS = log_weights(earned_EBS, config.inference)
    mixture_BSC = (log_weight_EBS[..., None] + log_p_EBSC).logsumexp(0)
    known_BSC = log_p_EBSC[domain_B % config.n_experts, torch.arange(len(domain_B))]
    known, _ = task.score(batch, known_BSC)
    # The mixture as if it were a layer's decision, for the metrics.
    info = LayerInfo(dense_routing(log_weight_EBS.exp().flatten(1).T))
    infos = dict.fromkeys(runs[0].infos, info)
    return Forward(mixture_BSC, infos, {"known_domain": AuxiliaryLoss(known, 0.0)})


def log_weights(earned_EBS: Tensor, inference: str) -> Tensor:
    """Logarithms of the weights of the experts' predictions at each position, [E, B, S].

    Args:
        earned_EBS: log-probability that each expert's model gave to what came true at each position.
        inference: `history`, `last` or `average`, see the config.
    """
    before_EBS = earned_EBS.roll(1, dims=-1)  # what was earned just before each position
    before_EBS[..., :1] = 0
    if inference == "history":
        before_EBS = before_EBS.cumsum(-1)
    elif inference == "average":
        before_EBS = torch.zeros_like(before_EBS)
    return before_EBS.log_softmax(0)


def _told(batch: Any) -> tuple[Tensor, Tensor]:
    """What comes true at each position, [B, S], and the domain of each sequence, [B]."""
    if isinstance(batch, Points):
        return batch.label_BS, batch.cluster_BS[:, 0]
    return batch.target_BS, batch.domain_B
