r"""# MoCaE: experts are believed as far as they are reliable

K. Oksuz et al., *MoCaE: Mixture of Calibrated Experts Significantly Improves Accuracy in Object Detection*,
[arXiv 2309.14976](https://arxiv.org/abs/2309.14976): its abstract, and the authors' code (`fiveai/MoCaE`:
`model_calibration.py`, `mixture_of_experts.py`).

## The design

The paper fuses object detectors. Each states a confidence with every box, but one detector's 0.9 is another's 0.5, and
the boldest drowns the rest. So each is calibrated first: isotonic regression maps its stated confidence to the measured
overlap of its boxes with the truth. Then boxes are fused by the calibrated confidence. There is no gate.

Here the experts predict the next byte, or the label of a point. Expert $e$ is the model whose feed-forwards are all
expert $e$; every expert runs on everything. Reliability is how often its top prediction is right:

$$c_e = \max_v p_e(v), \qquad \tilde c_e = \phi_e(c_e) \approx
\Pr\big[\arg\max_v p_e(v) \text{ is right} \,\big|\, c_e\big], \qquad
\tilde p_e(v) = \begin{cases} \tilde c_e & v = \arg\max p_e \\ p_e(v)\, \frac{1 - \tilde c_e}{1 - c_e} &
\text{otherwise} \end{cases}$$

$$p(v) = \frac{\sum_e \tilde c_e\, \tilde p_e(v)}{\sum_e \tilde c_e}, \qquad
\phi_e = \arg\min_{\phi \text{ not falling}} \sum_b n_{eb} \big(\phi(b) - r_{eb}\big)^2$$

| symbol | meaning | here |
|---|---|---|
| $p_e$ | prediction of expert $e$, of `n_experts` | softmax of `logit_ENV` |
| $c_e$, $\tilde c_e$ | its stated and its calibrated confidence | `stated_EN`, `calibrated_EN` |
| $\phi_e$ | its calibrator, a step function on bins $b$ | `Calibrator.curve`, `confidence_bins` |
| $n_{eb}$, $r_{eb}$ | predictions in the bin, and the share of them that was right | `count_EC`, `hit_EC` |

Each expert learns from its own loss alone, as detectors that were trained apart; no gradient comes from the fusion.

## What the metrics mean

- `cross_entropy`, `bits_per_byte`, `accuracy`: of the fused prediction.
- `aux_experts`: mean over experts of their own cross-entropy, which is what is learned. `loss` is both added up.
- `uncalibrated_cross_entropy`: of the fusion with every expert taken at its word.
- `stated_error`, `calibrated_error`: expected calibration error before and after, mean over experts.
- `load_cv`, `router_entropy`: of the fusion's weights $\tilde c_e / \sum \tilde c$; 0 and $\ln E$ if all are
  trusted alike.

## Which tokens see each other

None within a forward pass. In training the calibrators carry the hits of earlier batches into later ones; outside
training they are fixed.

## Where it deviates

- Detection is not among this project's tasks. What stands for it, a prediction with a confidence that is right or
  not, is this project's choice, and so is that the rest of $\tilde p_e$ keeps its proportions. Weighting by calibrated
  confidence stands for score voting; there is nothing to suppress.
- The authors fit calibrators on held-out images after training. Here they follow the training batches, each
  counted before any step learns from it, with forgetting (`memory`), and each bin starts with one observation at its
  centre.
- The authors' regression interpolates between detections; here between nothing, a step for each of 25 bins (the number
  that their calibration error uses).
- Experts differ by their initial weights only, and share attention and embeddings. Such experts are about equally bold:
  `boast` makes them state more or less than they learned, to show what calibration is for.
- On the clustered task nothing divides the clusters among experts that all learn everything: this design is an
  ensemble, and cannot find them. It is therefore not compared with a dense layer there.

## What it was checked against

Isotonic regression: `scipy.optimize.isotonic_regression` with weights. Calibration and fusion: float64 loops. The whole
model: the experts run one by one give the fused prediction, and the gradient of an expert is that of its own loss.
Then the paper's claim: with an honest and a boastful expert, calibration lowers the error of both and the
cross-entropy of the fusion. The common checks of every design are beside them.

## How long, and what to see

Every expert is a pass of its own, so a default run of three experts takes three times the attention of another
design. With `boast` 1 one should see hardly a difference between `cross_entropy` and `uncalibrated_cross_entropy`;
with `boast` 4 one should see `stated_error` rise, `calibrated_error` stay, and the two cross-entropies part.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reference_impls.configs.mocae import MoCaEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.calibration import Calibrator, calibration_error
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, dense_routing
from reference_impls.core.rules import routing_by_rule
from reference_impls.tasks.base import Forward


class NamedExpertRouter(Router):
    """All tokens of a sequence to the expert that the caller names as its domain; holds the calibrators."""

    def __init__(self, config: MoCaEConfig) -> None:
        super().__init__(config.n_experts)
        self.calibrator = Calibrator(config.n_experts, config.confidence_bins, config.memory)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Domain modulo experts, with weight one."""
        expert_T1 = context.need("domain")[:, None] % self.n_experts
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


@dataclass(frozen=True)
class Fusion:
    """A fused prediction: log-probabilities [N, V], and the weight of each expert [E, N]."""

    log_NV: Tensor
    weight_EN: Tensor


def fuse(logit_ENV: Tensor, calibrated_EN: Tensor) -> Fusion:
    """Give each expert's top prediction its calibrated confidence, and average with these as weights."""
    top_EN1 = logit_ENV.argmax(-1, keepdim=True)
    # What is left keeps its proportions. Taken from logits, as beside a confidence that rounds to 1 all else is 0.
    others_ENV = logit_ENV.scatter(-1, top_EN1, -torch.inf).softmax(-1)
    believed_ENV = (others_ENV * (1 - calibrated_EN)[..., None]).scatter(-1, top_EN1, calibrated_EN[..., None])
    weight_EN = calibrated_EN / calibrated_EN.sum(0)
    fused_NV = torch.einsum("en,env->nv", weight_EN, believed_ENV)
    return Fusion(fused_NV.clamp(min=torch.finfo(fused_NV.dtype).tiny).log(), weight_EN)


def run_model(task: Any, batch: Any) -> Forward:
    """Run every expert alone, calibrate what they say, and fuse it; in training, learn how right they were."""
    config, calibrator = task.config, calibrator_of(task.model)
    right_BS = batch.target_BS if hasattr(batch, "target_BS") else batch.label_BS
    label_N = right_BS.flatten()
    passes = [task.forward(batch, domain=torch.full((len(right_BS),), e)) for e in range(config.n_experts)]
    own = torch.stack([task.score(batch, done.output)[0] for done in passes]).mean()

    with torch.no_grad():
        exponent = torch.linspace(-1, 1, config.n_experts) if config.n_experts > 1 else torch.zeros(1)
        sharpness_E11 = (config.boast**exponent)[:, None, None]
        logit_ENV = sharpness_E11 * torch.stack([done.output.flatten(0, 1) for done in passes])
        stated_EN, top_EN = logit_ENV.softmax(-1).max(-1)
        hit_EN = top_EN == label_N
        calibrated_EN = calibrator(stated_EN) if config.calibration == "isotonic" else stated_EN
        fusion, naive = fuse(logit_ENV, calibrated_EN), fuse(logit_ENV, stated_EN)
        if task.model.training:
            calibrator.update(stated_EN, hit_EN)
        bins = config.confidence_bins
        stats = {
            "uncalibrated_cross_entropy": float(-naive.log_NV.gather(1, label_N[:, None]).mean()),
            "stated_error": float(calibration_error(stated_EN, hit_EN, bins).mean()),
            "calibrated_error": float(calibration_error(calibrated_EN, hit_EN, bins).mean()),
        }
    weight_TE = fusion.weight_EN.T
    routing = dense_routing(weight_TE, stats=stats)
    return Forward(
        output=fusion.log_NV.view_as(passes[0].output),
        infos={name: LayerInfo(routing) for name in passes[0].infos},
        losses={"experts": AuxiliaryLoss(own, 1.0)},
    )


def calibrator_of(model: torch.nn.Module) -> Calibrator:
    """The calibrators of the last layer with experts: they judge whole predictions, so one set is enough."""
    return [module for module in model.modules() if isinstance(module, Calibrator)][-1]


def make_layer(config: MoCaEConfig) -> MoELayer:
    """A layer of SwiGLU experts, of which the caller names one for each sequence."""
    return moe_layer(config, NamedExpertRouter(config))
