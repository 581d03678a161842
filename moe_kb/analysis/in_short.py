"""A gating design in a line and in a sentence, made from its typed properties."""

from __future__ import annotations

from collections.abc import Mapping

from moe_kb.fields import value_label

_UNITS = {"patch": "patches", "batch": "batches"}
_COUNTS = {"one": "one expert", "fixed-k": "a fixed number of experts", "adaptive": "a varying number of experts"}


def subtitle(properties: Mapping[str, str | None]) -> str:
    """What tells a design from others in a few words, such as `sigmoid, selection bias, experts in groups`."""
    said = properties.get
    order, score = said("order"), said("score")
    words = []
    if order in ("softmax-then-topk", "topk-then-softmax") and score == "softmax":
        words.append(value_label("order", str(order)))
    elif score and score != "other":
        words.append(value_label("score", score))
    chooser = said("chooser")
    if chooser and chooser != "token":
        words.append({"expert": "expert choice", "none": "all experts"}.get(chooser, value_label("chooser", chooser)))
    if said("renormalised") == "yes" and order == "softmax-then-topk":
        words.append("renormalised")
    if said("selection_bias") == "yes":
        words.append("selection bias")
    if (said("groups") or "").startswith("experts in"):
        words.append("experts in groups")
    if said("null_experts") == "yes":
        words.append("null experts")
    if not (said("noise") or "no").startswith(("no", "optional")):
        words.append("noise")
    if said("overflow") == "dropped":
        words.append("drops tokens")
    return ", ".join(words)


def in_short(properties: Mapping[str, str | None]) -> str:
    """Who chooses, by which score, how many, with what weights, and how the load is evened."""
    said = properties.get
    unit = said("granularity") or "token"
    units = _UNITS.get(unit, f"{unit}s")
    k = said("k")
    count = _COUNTS.get(said("experts_per_token") or "", "its experts")
    if k:
        count = "one expert" if k == "1" else f"{k} experts"
    score = said("score")
    by = {None: "", "other": "", "random": " at random", "hash": " by a hash"}.get(
        score, f" by {value_label('score', score or '')} scores"
    )
    who = {
        "token": f"Each {unit} chooses {count}{by}",
        "expert": f"Each expert chooses its {units}{by}",
        "solver": f"A solver assigns {units} to experts{by}",
        "fixed": f"A fixed rule sends each {unit} to {count}{by}",
        "none": f"Every expert takes part{by and f', weighted{by}'}",
    }.get(said("chooser") or "", f"Who chooses is not reported; {units} are scored{by}" if by else "")
    sentences = [who or "Who chooses the experts is not reported"]
    if said("selection_bias") == "yes":
        sentences.append("A bias per expert takes part in the choice and not in the weights")
    weights = {"yes": "Weights of the chosen sum to one", "no": "Weights are used as they are scored"}
    if said("renormalised") in weights and said("chooser") != "none":
        sentences.append(weights[str(said("renormalised"))])
    overflow = {"dropped": "What an expert has no room for is dropped", "none": f"No {unit} is dropped"}
    if said("overflow") in overflow:
        sentences.append(overflow[str(said("overflow"))])
    sentences.append(f"Balance: {said('balancing') or 'not reported'}")
    return ". ".join(sentences) + "."
