"""The formulas behind a size: what is counted, what is left out, and what the symbols mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """How one quantity is computed."""

    title: str
    lines: tuple[tuple[str, str], ...]
    """What a line is of, and its LaTeX."""
    symbols: str
    """Meaning of the symbols, as Markdown with formulas."""
    counted: str
    left_out: str


WIDTHS = (
    r"$D$ model width, $V$ vocabulary, $H$ query heads, $G$ key-value heads, $d, d_v$ widths of a head, $r_q, r_{kv}$ "
    r"ranks of compressed queries and of compressed keys and values, $d_n, d_r$ widths of a head without and with "
    r"rotary position, $E$ routed experts, $k$ chosen for a token, $S$ shared experts, $Z$ zero-computation experts, "
    r"$F$ hidden width of an expert or network, $F_S$ of a shared one, $m$ its matrices: 3 with a gate, else 2"
)

FORMULAS: dict[str, Formula] = {
    formula.title: formula
    for formula in (
        Formula(
            "Parameters",
            (
                ("attention", r"D\,(H d + G d + G d_v) + H d_v\,D"),
                (
                    "latent attention (MLA)",
                    r"D r_q + r_q + r_q H (d_n + d_r) + D (r_{kv} + d_r) + r_{kv} + r_{kv} H (d_n + d_v) + H d_v D",
                ),
                ("an MoE layer", r"E \cdot m D F \;+\; S \cdot m D F_S \;+\; D\,(E + Z)"),
                ("a dense network", r"m D F"),
                ("embedding and head", r"V D \;(+\, V D \text{ where they are not one table})"),
                ("active in an MoE layer", r"k \tfrac{E}{E + Z} \cdot m D F \;+\; S \cdot m D F_S \;+\; D\,(E + Z)"),
                ("sparsity", r"1 - N_\text{active} / N_\text{total}"),
                ("granularity", r"8 D^2 / (m D F)"),
            ),
            WIDTHS,
            "Every trained number of the layers, of both tables and of the norms: the product of each tensor's shape, "
            "with biases, sinks, norms within attention, indexers, gates and convolutions where a configuration has "
            "them. State-space and linear-attention mixers are counted by the same rule, matrix by matrix. Experts "
            "without computation have no weights; of an even choice they take their share, so active experts are an "
            "expectation.",
            "Layers for multi-token prediction, vision and audio towers, and buffers that no gradient trains, such as "
            "a selection bias that is adjusted by load.",
        ),
        Formula(
            "Operations",
            (
                ("with weights", r"2\,(N_\text{active} - N_\text{norm} - V D_{\text{ if looked up only}})"),
                ("attention", r"2 H (d + d_v)\, c"),
                ("latent attention, prefill", r"2 H (d_n + d_r + d_v)\, c"),
                ("latent attention, decode", r"2 H (2 r_{kv} + d_r)\, c"),
                ("linear attention", r"4 H d_k d_v \;(6 H d_k d_v \text{ with the delta rule})"),
                ("state space", r"4\, n_\text{inner} N"),
                ("tokens seen, decode", r"c = \min(w, L)"),
                ("tokens seen, prefill", r"c = \tfrac{1}{L} \textstyle\sum_{t=1}^{L} \min(w, t)"),
            ),
            r"$N$ parameters (in the state space: width of its state), $L$ tokens of the sequence, $w$ the window, or "
            r"as many tokens as an indexer picks, or $L$; $d_k$ width of a key head, $n_\text{inner}$ "
            r"channels of a state-space mixer",
            "Two operations, a multiplication and an addition, for each product: of the token with every weight it "
            "passes, of its queries with the keys it sees, of attention weights with values, and of the recurrent "
            "state. An indexer's own products with all that it scores are attention. Decoding latent attention works "
            "on the cached ranks. Of an encoder and a decoder, a decoded token passes the decoder only.",
            "Norms, activations, softmax, rotations, and the sorting of the router: they grow with widths, not with "
            "their products. A prefill is taken to compute the head for every token.",
        ),
        Formula(
            "Weight memory",
            (("bytes of all weights", r"N_\text{total} \cdot \frac{1}{8}\Bigl(b + \frac{s}{r\,c}\Bigr)"),),
            r"$b$ bits of a weight, $s$ bits of scale and zero point of a block of $r \times c$ weights",
            "Every parameter in the format, with its share of the block's scale: the most that the format can save.",
            "Tensors that a release keeps in more bits (often embeddings, head, norms, routers), blocks cut off at the "
            "edge of a matrix, and the memory of activations.",
        ),
        Formula(
            "Cache",
            (
                ("attention", r"G (d + d_v) \text{ a token}"),
                ("attention with a window", r"G (d + d_v) \min(w, L)"),
                ("latent attention", r"r_{kv} + d_r \text{ a token}"),
                ("compressed attention", r"d / \rho \text{ a token} + d\,\min(w, L)"),
                ("linear attention", r"H d_k d_v \text{ and } (n_\text{conv} - 1)(2 H_k d_k + H d_v)"),
                ("state space", r"n_\text{inner} N \text{ and } (n_\text{conv} - 1)\, n_\text{convolved}"),
            ),
            r"$\rho$ tokens of a compressed entry, $n_\text{conv}$ width of a short convolution and "
            r"$n_\text{convolved}$ its channels, $H_k$ key heads; an indexer adds its key",
            "Numbers kept of one sequence in all layers, in 16 bits: some for each token, some for the last "
            "tokens of a window, some whatever the length (state). Layers that take keys and values from the one "
            "before keep none. Cross-attention keeps those of the encoder's tokens, taken to be as many.",
            "Tokens that wait to be compressed, padding and paging of an inference engine.",
        ),
        Formula(
            "All-to-all",
            (
                (
                    "devices that hold the token's experts",
                    r"\bar P = P \left(1 - \binom{E + Z - E/P}{k} \Big/ \binom{E + Z}{k}\right)",
                ),
                ("one vector a device", r"2\, D\, \bar P\, \frac{P - 1}{P}"),
                ("one vector an expert", r"2\, D\, k \frac{E}{E + Z}\, \frac{P - 1}{P}"),
            ),
            r"$P$ devices over which the $E$ experts of a layer are spread evenly; $D$ is the latent width where "
            r"experts work in one",
            "What one token sends to devices other than its own and gets back, in 16 bits, on average over an even "
            "choice of experts and over the layers with experts.",
            "Limits on the groups or nodes that a token may use, uneven loads, and other formats in transit.",
        ),
        Formula(
            "Roofline",
            (
                ("intensity", r"I = W / Q"),
                ("ridge", r"I^{*} = P / B"),
                ("attainable", r"R = \min(P,\; B\, I)"),
                ("least time", r"T = \max(W / P,\; Q / B)"),
                (
                    "bytes moved by b tokens",
                    r"Q = \beta \Bigl(N_\text{always} + \textstyle\sum N_\text{routed} "
                    r"\bigl(1 - (1 - \tfrac{k}{E + Z})^{b}\bigr)\Bigr) + Q_\text{cache}",
                ),
            ),
            r"$W$ operations of the pass, $P$ peak and $B$ memory bandwidth of all devices together, $\beta$ bytes of "
            r"a weight, $b$ tokens of the pass: the batch when decoding, the sequence in a prefill",
            "Weights are read once a pass, those of an expert when one of the tokens chooses it (evenly and each for "
            "itself); the cache is read by every decoded token, without what an indexer passes over, and written once "
            "by a prefill. The roofline model is Williams, Waterman and Patterson's (2009, doi "
            "10.1145/1498765.1498785).",
            "Activations, communication, and everything that keeps a device from its peak: a bound from below, no "
            "forecast.",
        ),
        Formula(
            "Minimum number of devices",
            (("devices", r"n = \max\Bigl(1, \Bigl\lceil \frac{\beta N_\text{total} + b\, Q_L}{M} \Bigr\rceil\Bigr)"),),
            r"$\beta$ bytes of a weight, $b$ sequences of the batch, $Q_L$ bytes of the cache of one, $M$ memory of a "
            r"device",
            "Weights and caches, divided as finely as needed, nothing twice, all memory free for them.",
            "Activations, buffers, and what a real placement repeats: it may need more.",
        ),
    )
}
