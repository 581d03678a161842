"""Every family beside the model that transformers builds: random small configs, equal to the parameter.

A file of `families/` names the classes and the values that fields are drawn from:

    config, model     names of transformers' classes
    base              fields that are always given
    vary              for each field the values to draw from
    outside           pattern of parameters that are not of the text model
    rows              pattern of stacked parameters and the field that says how many of their rows are of use
    file              `drawn`: the file holds the fields as drawn, not as the class writes them
"""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_kb.importing import read_config
from moe_kb.sizing import count

pytestmark = pytest.mark.integration

SPECS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((Path(__file__).parent / "families").glob("*"))}


@pytest.mark.parametrize("family", SPECS)
def test_random_configs_match_the_built_model(family):
    import torch  # here, since collecting tests waits for neither
    import transformers

    spec = SPECS[family]
    config_class, model_class = (getattr(transformers, spec[name]) for name in ("config", "model"))
    fields = {name: st.sampled_from(values) for name, values in spec["vary"].items()}
    built = []

    @settings(max_examples=12, database=None, derandomize=True)
    @given(st.fixed_dictionaries(fields))
    def check(drawn):
        config = config_class(**{**spec.get("base", {}), **drawn})
        with torch.device("meta"):
            model = model_class(config)
        # Keyed by identity, so that tied tensors count once.
        sizes = {id(p): _size(spec, config, name, p) for name, p in model.named_parameters()}
        given = {"model_type": config.model_type, **spec.get("base", {}), **drawn}
        written = given if spec.get("file") == "drawn" else config.to_dict()
        found = count(read_config(json.dumps(written), source="a-config").architecture)
        assert found.total == sum(sizes.values()), drawn
        built.append(found.total)

    check()
    assert len(set(built)) > 1, "the fields drawn change nothing"


def _size(spec, config, name, parameter):
    if "outside" in spec and re.search(spec["outside"], name):
        return 0
    for pattern, field in spec.get("rows", {}).items():
        if re.search(pattern, name):
            return parameter[0].numel() * getattr(config, field)
    return parameter.numel()
