"""Fabricated results of comparisons: what an installed package of implementations could carry."""

from typing import Any

from moe_kb.lab.results import ResultFile

MADE = {
    "date": "2026-01-02", "commit": "abc", "python": "3.11.7", "torch": "2.13.0", "reference_impls": "0.1.0",
    "cpu": "a processor, 2 cores", "threads": 1,
}  # fmt: skip


def result(key: str, scores: list[float | None], task: str = "text", **more: Any) -> ResultFile:
    """One implementation's file; a score that is None is a run that failed."""
    headline = "bits_per_byte" if task == "text" else "accuracy"
    twin = {} if task == "text" else {"accuracy_dense": 0.5}
    seeds: list[dict[str, Any]] = []
    for seed, score in enumerate(scores):
        if score is None:
            seeds.append({"seed": seed, "made": MADE, "error": "the loss is not finite at step 2"})
            continue
        seeds.append(
            {
                "seed": seed, "made": MADE, "seconds": 36.0, "cpu_seconds": 30.0,
                "values": {headline: score, "load_cv": 0.2, "dropped_fraction": 0.05, "information": 0.4, **twin},
                "curve": [[2, score + 0.1], [4, score]], "loads": {"layer 0": [0.25, 0.75]},
            }
        )  # fmt: skip
    return ResultFile.model_validate(
        {
            "format": 1, "implementation": key, "task": task, "protocol": f"{task}-0", "group": "matched", "why": "",
            "causal": "yes", "headline": headline, "higher_is_better": task != "text", "config": {"steps": 4},
            "params": {"total": 10, "active": 6, "active_non_embedding": 4}, "runs": seeds, **more,
        }
    )  # fmt: skip
