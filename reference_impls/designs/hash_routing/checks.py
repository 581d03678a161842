"""Hash layers against DeepSeek-V4's router, a float64 loop, the greedy rule by hand and scikit-learn's k-means."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.kmeans import spread_start
from reference_impls.core.routing import Progress
from reference_impls.designs.hash_routing.config import HashConfig
from reference_impls.designs.hash_routing.router import balanced_table, clustered_table, make_layer, random_table
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, same
from reference_impls.verify.naive import Assignments, against_naive, tokens

D, F, E, V = 16, 10, 6, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Weights, outputs, tables."""
    yield from chain(deepseek_v4(), equations(), balance(), clusters())


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    return make_layer(HashConfig(d_model=D, d_expert=F, n_experts=E, vocabulary=V, **fields)).double()


def _ids(*shape: int) -> Tensor:
    """Ids with unequal frequencies: id v about as 1 / (v + 1)."""
    chance = 1 / torch.arange(1, V + 1).double()
    drawn = torch.multinomial(chance, shape[0] * shape[1], replacement=True, generator=torch.Generator().manual_seed(4))
    return drawn.view(shape)


def deepseek_v4() -> Iterator[Check]:
    """Learned weights: scores, normalisation, scale, and their gradients."""
    from transformers.models.deepseek_v4.configuration_deepseek_v4 import DeepseekV4Config
    from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4HashRouter

    for dtype, tolerance in ((torch.float32, {}), (torch.float64, {"rtol": 1e-11, "atol": 1e-12})):
        layer = _layer(experts_per_token=3, weights="learned", routed_scale=1.5).to(dtype)
        torch.nn.init.normal_(layer.router.weight_ED, std=0.3)
        config: Any = DeepseekV4Config
        theirs: Any = DeepseekV4HashRouter(
            config(
                hidden_size=D, num_local_experts=E, num_experts_per_tok=3, vocab_size=V, routed_scaling_factor=1.5,
                scoring_func="sqrtsoftplus",
            )
        ).to(dtype)  # fmt: skip
        with torch.no_grad():
            theirs.weight.copy_(layer.router.weight_ED)
            theirs.tid2eid.copy_(layer.router.table_VK)
        x_BSD, ids_BS = tokens(3, 9, D).to(dtype), _ids(3, 9)
        direction = tokens(27, 3, seed=8).to(dtype)
        ours_leaf, their_leaf = x_BSD.clone().requires_grad_(), x_BSD.clone().requires_grad_()
        routing = layer(ours_leaf, token_id=ids_BS)[1].routing
        ours = {"experts": routing.expert_A.view(27, 3), "weights": routing.weight_A.view(27, 3)}
        _, weight_TK, expert_TK = theirs(their_leaf, ids_BS)
        other = {"experts": expert_TK, "weights": weight_TK}
        for found, leaf, gate in (
            (ours, ours_leaf, layer.router.weight_ED), (other, their_leaf, theirs.weight),
        ):  # fmt: skip
            for part, gradient in zip(
                ("tokens", "the gate"), torch.autograd.grad(found["weights"], [leaf, gate], direction), strict=True
            ):
                found[f"gradient of {part}"] = gradient
        yield from same(f"transformers' DeepseekV4HashRouter, {str(dtype)[6:]}", ours, other, **tolerance)


def equations() -> Iterator[Check]:
    """All three tables, made by training steps, and outputs by hand."""
    ids_BS, x_BSD = _ids(2, 8), tokens(2, 8, D)
    for table in ("random", "balanced", "clustered"):
        for k in (1, 2):
            layer = _layer(table=table, experts_per_token=k, table_step=1)
            layer.on_step(layer(x_BSD, token_id=ids_BS)[1], Progress(1, 10))
            expert_of = {v: layer.router.table_VK[v].tolist() for v in range(V)}

            def assign(x_TD: Tensor, expert_of: dict[int, list[int]] = expert_of, k: int = k) -> Assignments:
                for t in range(len(x_TD)):
                    for expert in expert_of[int(ids_BS.flatten()[t])]:
                        yield t, expert, 1 / k

            def call(x: Tensor, layer: Any = layer) -> Tensor:
                y_BSD: Tensor = layer(x, token_id=ids_BS)[0]
                return y_BSD

            yield from against_naive(f"a float64 loop, {table}, k = {k}", layer, x_BSD, assign, call)
            twice = sum(len(set(experts)) < k for experts in expert_of.values())
            yield at_most(f"ids with an expert twice, {table}, k = {k}", twice, 0)


def balance() -> Iterator[Check]:
    """The greedy rule, written as a search for the least loaded expert; and that it evens the load."""
    wrong, excess = 0, 0.0
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        count_V = torch.randint(1, 100, (V,), generator=generator)
        table = balanced_table(count_V, E, 1)[:, 0].tolist()
        load = [0] * E
        for v in torch.argsort(count_V, descending=True, stable=True).tolist():
            wrong += load[table[v]] != min(load)
            load[table[v]] += int(count_V[v])
        drawn = torch.zeros(E, dtype=torch.int64).index_add_(0, random_table(V, E, 1)[:, 0], count_V)
        spread_of_drawn = float(drawn.max() - drawn.min())
        excess = max(excess, (max(load) - min(load)) / max(spread_of_drawn, 1.0))
    yield at_most("ids that the balanced table gives to an expert that has not the least load", wrong, 0)
    yield at_most("spread of the balanced table's load, of the random one's, at worst", excess, 1.0)


def clusters() -> Iterator[Check]:
    """The same centres as scikit-learn from the same start."""
    from sklearn.cluster import KMeans

    wrong = 0
    for seed in range(5):
        x_VD = tokens(V, D, seed=seed)
        torch.manual_seed(seed)
        start_ED = spread_start(x_VD, E)
        theirs = KMeans(E, init=start_ED.numpy(), n_init=1, max_iter=50, tol=0, algorithm="lloyd").fit(x_VD.numpy())
        ours = clustered_table(x_VD, start_ED, 1)[:, 0]
        wrong += int((ours != torch.from_numpy(theirs.labels_)).sum())
    yield at_most("ids in another cluster than scikit-learn's KMeans has from the same start", wrong, 0)
