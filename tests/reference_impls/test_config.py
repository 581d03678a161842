"""Sections and flat fields of a run, and what is refused in which words."""

import pytest

from reference_impls.catalogue import find
from reference_impls.config import ConfigError, check_config

CONFIG = find("mixtral-top2-router").config_class


def test_flat_fields_and_sections_mean_the_same():
    flat = check_config(CONFIG, {"task": "clusters", "steps": 7, "n_experts": 4, "seed": 3})
    sections = {"task": {"name": "clusters"}, "optimiser": {"steps": 7}, "layer": {"n_experts": 4}, "seed": 3}
    assert check_config(CONFIG, sections) == flat
    assert check_config(CONFIG, {"steps": 7, "task": {"name": "clusters"}, "n_experts": 4, "seed": 3}) == flat
    assert check_config(CONFIG, flat.flat()) == check_config(CONFIG, flat.model_dump(mode="json")) == flat
    assert flat.with_values(steps=8).optimiser.steps == 8
    assert flat.with_values(steps=8).layer == flat.layer


def test_a_task_brings_its_defaults():
    clusters = CONFIG(task="clusters")
    assert (clusters.layer.d_model, clusters.optimiser.steps, clusters.model.n_heads) == (32, 600, 1)
    assert CONFIG(task="clusters", layer={"d_model": 48}).layer.d_model == 48
    assert find("stablemoe-two-stage").config_class(task="clusters", n_clusters=5).layer.vocabulary == 20


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 3, "optimiser": {"steps": 4}}, "steps is given twice, alone and in its section; give it once"),
        ({"task": "text", "optimiser": {"stepps": 4}}, "stepps is not a field of this config (did you mean steps?)"),
        ({"optimiser": 3}, "optimiser = 3: input should be a valid dictionary"),
        ({"task": "chess"}, "task = 'chess': input should be 'text' or 'clusters'"),
        ({"layer": {"n_experts": "8"}}, "n_experts = '8': input should be a valid integer (default 8)"),
    ],
)
def test_a_wrong_section_names_field_and_fix(values, message):
    with pytest.raises(ConfigError) as caught:
        check_config(CONFIG, values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
