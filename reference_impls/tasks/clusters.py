"""The `clusters` task: points that come in clusters, each with a rule of its own.

The task of the theory of mixtures (Chen et al., *Towards Understanding Mixture of Experts in Deep Learning*,
arXiv 2208.02813): which cluster a point belongs to is easy to see, but its label follows a rule that only
holds in its cluster. One narrow network cannot hold all the rules; a mixture whose router finds the clusters
can. Nothing by-passes the layer: without its experts the model knows nothing.

A point is the sum of a word's vector and of features. The words belong to the clusters, four to each, and lie
near their cluster's centre. The label is the class whose direction, among those of the cluster, has the
largest product with the features. Words give designs that route by token id something to route by.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.config import WORDS_PER_CLUSTER, RunConfig
from reference_impls.core.build import dense_layer
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.entry import Entry
from reference_impls.tasks.base import Forward, MakeLayer, Task, draw_validation
from reference_impls.tasks.sizes import POINT_CLASSES as CLASSES

FEATURES = 8
WORD_SPREAD = 0.3  # length of a word's own part, beside a centre of length 1


@dataclass(frozen=True)
class Points:
    """Points in sequences: vectors, words, clusters and labels; all but the vectors are int64 [B, S]."""

    x_BSD: Tensor
    word_BS: Tensor
    cluster_BS: Tensor
    label_BS: Tensor


class PointSource:
    """Draws points; what the clusters, words and rules are follows from the seed alone."""

    def __init__(self, n_clusters: int, d_model: int, unit: Literal["token", "sequence"], seed: int) -> None:
        if d_model < 2 * FEATURES:
            raise ValueError(f"d_model = {d_model} must be at least {2 * FEATURES} on the clusters task")
        generator = torch.Generator().manual_seed(seed)
        self.n_clusters, self.unit = n_clusters, unit
        basis_DD, _ = torch.linalg.qr(torch.randn(d_model, d_model, generator=generator))
        self.feature_ZD, rest = basis_DD[:FEATURES], basis_DD[FEATURES:]
        centre = F.normalize(torch.randn(n_clusters, len(rest), generator=generator), dim=-1)
        own = F.normalize(torch.randn(n_clusters * WORDS_PER_CLUSTER, len(rest), generator=generator), dim=-1)
        word = centre.repeat_interleave(WORDS_PER_CLUSTER, 0) + WORD_SPREAD * own
        # Half of a point's variance speaks of its word, half is features; unit variance a coordinate in all.
        self.word_WD = F.normalize(word, dim=-1) @ rest * math.sqrt(d_model / 2)
        self.feature_scale = math.sqrt(d_model / 2 / FEATURES)
        self.rule_CLZ = torch.randn(n_clusters, CLASSES, FEATURES, generator=generator)

    def draw(self, batch_size: int, length: int, generator: torch.Generator) -> Points:
        """`batch_size` sequences of `length` points."""
        B, S = batch_size, length
        drawn = (B, S) if self.unit == "token" else (B, 1)
        cluster_BS = torch.randint(self.n_clusters, drawn, generator=generator).expand(B, S)
        own_BS = torch.randint(WORDS_PER_CLUSTER, (B, S), generator=generator)
        word_BS = cluster_BS * WORDS_PER_CLUSTER + own_BS
        feature_BSZ = torch.randn(B, S, FEATURES, generator=generator)
        x_BSD = self.word_WD[word_BS] + self.feature_scale * feature_BSZ @ self.feature_ZD
        label_BS = torch.einsum("bslz,bsz->bsl", self.rule_CLZ[cluster_BS], feature_BSZ).argmax(-1)
        return Points(x_BSD, word_BS, cluster_BS.contiguous(), label_BS)


class PointModel(nn.Module):
    """One feed-forward, with or without experts, and a linear read-out: nothing by-passes it."""

    def __init__(self, config: RunConfig, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(config.layer.d_model, CLASSES)

    def forward(self, x_BSD: Tensor, **context: Tensor) -> tuple[Tensor, dict[str, LayerInfo]]:
        """Logits [B, S, classes], and the layer's report under "layer 0" if it has experts."""
        if isinstance(self.layer, MoELayer):
            y_BSD, info = self.layer(x_BSD, **context)
            return self.head(y_BSD), {"layer 0": info}
        return self.head(self.layer(x_BSD)), {}


class ClustersTask(Task):
    """Label points; accuracy on held-out points. Specialisation is judged by the clusters."""

    headline: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> None:
        super().__init__(entry, config, make_layer)
        self.source = PointSource(config.task.n_clusters, config.layer.d_model, config.task.cluster_unit, config.seed)
        self.validation_batches = draw_validation(self.source.draw, config)

    @staticmethod
    def build(config: RunConfig, make_layer: MakeLayer) -> nn.Module:
        """One layer and a read-out."""
        return PointModel(config, make_layer(config.layer))

    def training_batch(self, generator: torch.Generator) -> Points:
        """Fresh points."""
        return self.source.draw(self.config.optimiser.batch_size, self.config.task.sequence_length, generator)

    def forward(self, batch: Points, **context: Tensor) -> Forward:
        """Logits [B, S, classes]."""
        known = {"token_id": batch.word_BS}
        if self.config.task.cluster_unit == "sequence":
            known |= {"domain": batch.cluster_BS[:, 0], "task": batch.cluster_BS[:, 0]}
        return Forward(*self.model(batch.x_BSD, **(known | context)))

    def score(self, batch: Points, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy in nats, and the share of labels hit."""
        loss = F.cross_entropy(output.flatten(0, 1), batch.label_BS.flatten())
        hit = (output.argmax(-1) == batch.label_BS).double().mean()
        return loss, {"cross_entropy": float(loss.detach()), "accuracy": float(hit)}

    def labels(self, batch: Points) -> tuple[Tensor, int]:
        """The cluster of each point."""
        return batch.cluster_BS.flatten(), self.config.task.n_clusters

    def references(self) -> dict[str, float]:
        """What guessing reaches."""
        return {"chance": 1 / CLASSES}

    def notes(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """What there is to learn."""
        yield "info", f"{self.config.task.n_clusters} clusters with a rule of their own"


def dense_baseline(entry: Entry, config: RunConfig) -> ClustersTask:
    """The same task with a dense layer as wide as what one token passes through in the design's layer.

    That is its experts and what else lies on the way to the output, but not what chooses among experts. An uneven
    width is rounded up, in the dense layer's favour.
    """
    settings = config.layer
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        layer = entry.design.make_layer(settings)
    active_experts = settings.active_experts_of(config.optimiser.batch_size, config.task.sequence_length)
    active = active_experts / settings.n_experts * layer.routed_parameters() + layer.path_parameters()
    width = active / (settings.expert_matrices * settings.d_model) + settings.always_active_experts * settings.d_expert
    return ClustersTask(entry, config.with_values(d_expert=math.ceil(width)), dense_layer)
