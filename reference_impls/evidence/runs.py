"""Running the comparison: one process a job, one file a design, resumable at every run."""

import datetime
import multiprocessing
import os
import platform
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import reference_impls
from reference_impls.catalogue import entries, find
from reference_impls.config import ConfigError, check_config
from reference_impls.evidence import files
from reference_impls.evidence.protocol import (
    BASIS,
    CONTROLS,
    Candidate,
    Protocol,
    active_parameters,
    candidate,
    controls,
)
from reference_impls.tasks.train import TASKS


def candidates(protocol: Protocol, keys: Sequence[str] | None = None) -> list[Candidate]:
    """Controls and designs that can be compared under the protocol; `keys` limits them."""
    basis = find(BASIS)
    assert basis is not None
    beside = controls(protocol, basis)
    target = active_parameters(basis, beside[0].config) if beside else 0
    wanted = None if keys is None else {entry.key for key in keys if (entry := find(key))}
    chosen = [entry for entry in entries() if protocol.task in entry.tasks and (wanted is None or entry.key in wanted)]
    return [*(c for c in beside if keys is None or c.key in keys), *(candidate(protocol, e, target) for e in chosen)]


def missing(
    protocol: Protocol, folder: Path, seeds: Sequence[int], chosen: Sequence[Candidate]
) -> list[tuple[Candidate, int]]:
    """Runs that no file holds yet; a run of another config does not count. Seed by seed, so that a sitting that is
    cut short leaves as many designs as possible comparable."""
    todo = []
    for seed in seeds:
        for one in chosen:
            kept = files.read(files.path_of(folder, protocol.name, one.key))
            done = {run["seed"] for run in kept["runs"]} if kept and _is_of(kept, one) else set()
            if seed not in done:
                todo.append((one, seed))
    return todo


def carry_out(
    protocol: Protocol,
    folder: Path,
    todo: Sequence[tuple[Candidate, int]],
    jobs: int,
    report: Callable[[int, int, str, dict[str, Any]], None],
) -> None:
    """Do the runs, `jobs` at a time, and file each as soon as it is done; `report` is called with every one."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_with, initargs=(os.getpid(),)) as pool:
        waiting = {pool.submit(run, protocol.task, one.key, _config_of(one), seed): one for one, seed in todo}
        for number, done in enumerate(as_completed(waiting), 1):
            one, result = waiting[done], done.result()
            file_run(protocol, folder, one, result)
            report(number, len(todo), one.key, result)


def _leave_with(parent: int) -> None:
    """End this process when its parent has gone, however it went: nobody would file what it makes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def file_run(protocol: Protocol, folder: Path, one: Candidate, result: dict[str, Any]) -> None:
    """Add a run to its design's file; runs of another config are left behind."""
    path = files.path_of(folder, protocol.name, one.key)
    kept = files.read(path)
    runs = kept["runs"] if kept and _is_of(kept, one) else []
    runs = sorted([run for run in runs if run["seed"] != result["seed"]] + [result], key=lambda run: int(run["seed"]))
    task = TASKS[protocol.task]
    params = {"total": result.pop("params_total")}
    if one.key not in CONTROLS:
        active = one.entry.estimate(one.config).params_active
        params |= {"active": active, "active_non_embedding": active_parameters(one.entry, one.config)}
    content = {
        "format": files.FORMAT,
        "implementation": one.key,
        "task": protocol.task,
        "protocol": protocol.name,
        "group": one.group,
        "why": one.why,
        "causal": "yes" if one.key in CONTROLS else one.entry.causal,
        "headline": task.headline,
        "higher_is_better": task.higher_is_better,
        "config": _config_of(one),
        "params": params,
        "runs": runs,
    }
    files.write(path, content)


def run(task_name: str, key: str, config_fields: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train once; a run that fails says so instead of its values. In a process of its own."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    from reference_impls.core.routing import Progress
    from reference_impls.tasks.train import make_optimiser, make_task, train_step, validate
    from reference_impls.verify.properties import cluster_scores

    torch.set_num_threads(1)
    control = CONTROLS.get(key)
    entry = find(BASIS if control else key)
    assert entry is not None
    config = check_config(entry.config_class, {**config_fields, "seed": seed})
    result: dict[str, Any] = {"seed": seed, "made": _made()}
    began, cpu = time.monotonic(), time.process_time()
    try:
        torch.manual_seed(seed)
        task = make_task(entry, config, control)
        result["params_total"] = sum(p.numel() for p in task.model.parameters())
        optimiser, generator = make_optimiser(task.model, config), torch.Generator().manual_seed(seed)
        curve = []
        for step in range(config.optimiser.steps):
            train_step(task, optimiser, generator, Progress(step, config.optimiser.steps))
            if (step + 1) % config.task.validation_every == 0 or step + 1 == config.optimiser.steps:
                interval = validate(task)
                values = interval.values(task)
                curve.append([step + 1, round(values[task.headline], 4)])
        result |= {
            "seconds": round(time.monotonic() - began, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "values": {name: round(value, 5) for name, value in values.items() if name != "tokens_per_second"},
            "curve": curve,
            "loads": {layer: [round(x, 3) for x in load] for layer, load in interval.tally.loads().items()},
        }
        if task_name == "clusters" and control is None:
            result["values"]["accuracy_dense"] = round(cluster_scores(entry, config, dense=True)["accuracy"], 5)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        result["error"] = " ".join(str(error).split())[:200]
        result.setdefault("params_total", 0)
    return result


def _is_of(kept: dict[str, Any], one: Candidate) -> bool:
    """Whether a file's runs have this config; an earlier version may have written it otherwise, or have lacked fields
    that have defaults."""
    try:
        return check_config(type(one.config), kept["config"]) == one.config
    except ConfigError:
        return False


def _config_of(one: Candidate) -> dict[str, Any]:
    return one.config.model_dump(mode="json", exclude={"seed"})


def _made() -> dict[str, Any]:
    import torch

    return {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "reference_impls": reference_impls.__version__,
        "cpu": _cpu(),
        "threads": 1,
    }


def _commit() -> str:
    """The commit of the checkout, with "+" where files differ from it; empty outside one."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "..", ":!../results")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    except OSError:
        pass
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
