"""The laboratory: finds implementations, checks their settings, runs them in processes of their own.

    from moe_kb.lab import Lab

    lab = Lab()
    for entry in lab.catalogue():
        print(entry.key, entry.summary)
    run = lab.launch("switch-top1-router", {"steps": 200})
    lab.curves(run.id).train["loss"]

How it holds together: `Lab.launch` writes a folder and a row, one supervisor process (`supervisor`) takes the
rows in order and runs each as a child (`protocol` says what it runs), the child writes events (`events`) that
anyone may read. Runs on Linux and macOS: it needs POSIX sessions and locks.
"""

from moe_kb.paths import GROUP

from .catalogue import Catalogue
from .curves import Curve, Loads, RunCurves
from .errors import (
    ActiveRunError,
    Finding,
    HomeError,
    InvalidRunIdError,
    LabError,
    PreflightError,
    StoreError,
    SupervisorError,
    UnknownImplementationError,
    UnknownRunError,
)
from .events import End, EventBatch, EventProblem, Message, Metrics, Progress, Start
from .form import (
    FormField,
    changes_from_texts,
    config_from_form,
    flat_settings,
    form_fields,
    form_from_config,
    to_text,
    with_defaults,
)
from .hardware import Gpu, Hardware, probe
from .laboratory import Lab, default_home
from .page import metric_meanings, page_markdown
from .preflight import Preflight
from .protocol import Details, Entry, Estimate, dense_control, details
from .store import Run, RunEstimate, RunStatus
from .supervision import Timing

__all__ = [
    "GROUP",
    "ActiveRunError",
    "Catalogue",
    "Curve",
    "Details",
    "End",
    "Entry",
    "Estimate",
    "EventBatch",
    "EventProblem",
    "Finding",
    "FormField",
    "Gpu",
    "Hardware",
    "HomeError",
    "InvalidRunIdError",
    "Lab",
    "LabError",
    "Loads",
    "Message",
    "Metrics",
    "Preflight",
    "PreflightError",
    "Progress",
    "Run",
    "RunCurves",
    "RunEstimate",
    "RunStatus",
    "Start",
    "StoreError",
    "SupervisorError",
    "Timing",
    "UnknownImplementationError",
    "UnknownRunError",
    "changes_from_texts",
    "config_from_form",
    "default_home",
    "dense_control",
    "details",
    "flat_settings",
    "form_fields",
    "form_from_config",
    "metric_meanings",
    "page_markdown",
    "probe",
    "to_text",
    "with_defaults",
]
