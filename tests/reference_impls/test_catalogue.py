import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reference_impls import make_layer
from reference_impls.__main__ import main
from reference_impls.catalogue import entries, find, nearest
from reference_impls.config import ConfigError, check_config
from reference_impls.entry import Entry, PageError
from reference_impls.tasks.train import make_task


def test_importing_the_catalogue_and_reading_it_does_not_import_torch():
    code = (
        "import sys; from reference_impls.catalogue import entries\n"
        "for e in entries(): e.page; e.config_class(); e.config_class.model_json_schema()\n"
        "print('torch' in sys.modules, 'moe_kb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_entry_point_of_the_installed_project_finds_both():
    from importlib.metadata import entry_points

    (point,) = [p for p in entry_points(group="moe_kb.implementations") if p.name == "reference"]
    keys = {entry.key for entry in point.load()()}
    assert {"switch-top1-router", "gshard-top2", "mixtral-top2-router", "deepseek-v3-router"} <= keys


def test_keys_and_aliases_find_an_entry():
    assert find("switch-top1-router").name == "Switch top-1 router"
    assert find("switch-top1") is find("switch-top1-router")
    assert find("no-such") is None
    assert nearest("switch-top2")[0] == "switch-top1-router"


def test_a_name_means_one_entry():
    names = [name for entry in entries() for name in (entry.key, *entry.aliases)]
    assert len(names) == len(set(names))


def test_the_key_is_that_of_the_main_design(entry: Entry):
    assert entry.key == entry.designs[0]
    assert {path.name for path in entry.folder.iterdir()} - {"__pycache__"} >= {
        "README.md", "config.py", "router.py", "checks.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("# Title", "must begin with front matter between two lines of ---"),
        ("---\nname: [\n---\n", "front matter is no YAML mapping of fields: while parsing"),
        ("---\nname\n---\n", "front matter is no YAML mapping of fields"),
        ("---\nname: A\nyaer: 2020\n---\n", "yaer: Extra inputs are not permitted"),
    ],
)
def test_broken_front_matter_names_file_and_field(tmp_path: Path, front: str, message: str):
    (tmp_path / "README.md").write_text(front)
    with pytest.raises(PageError) as caught:
        Entry.read(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "README.md"))
    assert message in str(caught.value)


def test_every_field_has_bounds_a_default_and_a_description(entry: Entry):
    schema = entry.config_class.model_json_schema()
    sections = [schema["$defs"][name] for name in schema["$defs"]]
    assert len(sections) == 4
    fields = {name: field for part in sections for name, field in part["properties"].items()}
    fields |= {name: field for name, field in schema["properties"].items() if "$ref" not in field}
    assert len(fields) == len(entry.config_class.flat_fields())  # no name stands in two sections
    for name, field in fields.items():
        assert field["description"].endswith((".", ")")), name
        assert "default" in field, name
        if field["type"] in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & field.keys(), name
            assert {"maximum", "exclusiveMaximum"} & field.keys(), name
        else:
            assert field["type"] == "boolean" or field["enum"], name
    assert fields["sequence_length"]["unit"] == "tokens"


def test_estimated_parameters_are_exact(entry: Entry, tiny_config):
    changes = {"n_layers": 5, "n_experts": 6, "d_model": 32, "d_expert": 20}
    for task in entry.tasks:
        for config in (tiny_config(entry, task=task), tiny_config(entry, task=task, **changes)):
            model = make_task(entry, config).model
            estimate = entry.estimate(config)
            assert estimate.params_total == sum(p.numel() for p in model.parameters())
            assert estimate.params_active <= estimate.params_total


def test_active_parameters_leave_out_the_experts_that_a_token_does_not_visit(typical: Entry, tiny_config):
    config = tiny_config(typical, n_experts=6)
    model = make_task(typical, config).model
    unused = sum(
        (config.layer.n_experts - config.layer.active_experts) * weight[0].numel()
        for name, weight in model.named_parameters()
        if "feed_forward.experts" in name and weight.shape[0] == config.layer.n_experts
    )
    estimate = typical.estimate(config)
    assert estimate.params_active == estimate.params_total - unused


@pytest.mark.parametrize(
    ("key", "tables"),
    [
        ("stablemoe-two-stage", ["embedding_WH"]),
        ("mod-squad-router", ["weight_LED", "noise_LED"]),
        ("learned-task-level-routing", ["task_vector"]),
        ("multi-gate-mixture", ["gate_KED"]),
    ],
)
def test_a_token_uses_its_row_of_a_table_and_the_gate_of_its_task(key: str, tables: list[str]):
    entry = find(key)
    layer = make_layer(key, d_model=16, d_expert=8)
    known = {"token_id": torch.tensor([[7]]), "domain": torch.tensor([1]), "task": torch.tensor([1])}
    y_BSD, info = layer(torch.randn(1, 1, 16), **{name: known[name] for name in entry.needs})
    loss = (y_BSD * torch.randn_like(y_BSD)).sum() + sum(part.value for part in info.losses.values())
    loss.backward()
    unused = sum(int((layer.router.get_parameter(name).grad == 0).sum()) for name in tables)
    assert unused > 0
    assert layer.router.idle_parameters() == unused


def test_estimates_grow_with_the_work(entry: Entry):
    small, large = entry.config_class(), entry.config_class(steps=2000, n_experts=32)
    assert entry.estimate(large).seconds > 2 * entry.estimate(small).seconds
    assert entry.estimate(large).memory_bytes > entry.estimate(small).memory_bytes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_experts": 0}, "n_experts = 0: input should be greater than or equal to 1 (default 8)"),
        ({"steps": "12"}, "steps = '12': input should be a valid integer (default 240)"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: input should be a finite number"),
        ({"n_expert": 4}, "n_expert is not a field of this config (did you mean n_experts?)"),
        ({"d_model": 100, "n_heads": 4}, "d_model = 100 must be a multiple of 2 * n_heads = 8"),
        ({"experts_per_token": 9}, "experts_per_token = 9 must be at most n_experts = 8"),
        ({"steps": 0, "seed": -1}, "steps = 0: input should be greater than or equal to 1 (default 240); s"),
        (["steps"], "the config must be an object of fields and values, not list"),
    ],
)
def test_a_wrong_config_names_the_field_and_the_bound(values, message):
    with pytest.raises(ConfigError) as caught:
        check_config(find("mixtral-top2-router").config_class, values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_configs_are_frozen_and_forbid_strangers():
    config = find("switch-top1-router").config_class()
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3
    with pytest.raises(ValueError, match="Extra inputs"):
        find("switch-top1-router").config_class(stepps=3)


def test_list_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]):
    assert main(["list"]) == 0
    first_words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert first_words == [entry.key for entry in entries()]
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in listed] == [entry.key for entry in entries()]
    assert all(row["verified_against"] and row["deviations"] and row["designs"] for row in listed)
    assert {"family", "year", "causal", "aliases", "needs", "gap", "beyond", "clusters"} <= listed[0].keys()


def test_the_package_imports_neither_the_knowledge_base_nor_the_app():
    import reference_impls

    for path in Path(reference_impls.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"moe_kb", "app"}, path
