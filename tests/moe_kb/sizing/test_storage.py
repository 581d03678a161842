"""Bytes of weights as a checkpoint keeps them, against counts by hand and against released files."""

from fractions import Fraction

import pytest
import small
from config_files import RELEASED
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, DENSE, MLA, MOE, D, V, architecture

from moe_kb.importing import read_config
from moe_kb.sizing import Setting, size
from moe_kb.sizing.matrices import matrices, tables
from moe_kb.sizing.parameters import count, count_sublayer
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.storage import as_released, kept_in, weight_format

FP8 = {"weight_type": "fp", "weight_bits": 8, "block_rows": 4, "block_columns": 4, "block_bits": 32}
FOUR = {"weight_type": "fp", "weight_bits": 4, "block_rows": 1, "block_columns": 32, "block_bits": 8}
KINDS = [
    ATTENTION, ATTENTION | {"output_gate": True, "indexer": small.INDEXER}, MLA, MLA | {"q_rank": 5},
    small.COMPRESSED, small.COMPRESSED | {"indexer": small.INDEXER}, small.ATTENTION_EXPERTS, small.MAMBA, small.MAMBA2,
    small.DELTA, small.KDA, small.KDA | {"full_gates": True}, small.LIGHTNING, small.CONVOLUTION, DENSE, MOE,
    MOE | {"d_latent": 4, "shared": {"count": 2, "d_expert": 3}}, MOE | {"activation": "gelu"},
]  # fmt: skip


def released(*sublayers, repeat=1, **checkpoint):
    built = architecture(*sublayers, repeat=repeat, checkpoint={"dtype": "bf16", **checkpoint})
    return as_released(built, count(built))


@pytest.mark.parametrize("sublayer", KINDS, ids=lambda sublayer: sublayer["kind"])
def test_matrices_are_what_is_counted_but_vectors(sublayer):
    (group,) = architecture(sublayer).decoder.groups
    (built,) = group.sublayers
    counted = {part: share.total for part, share in count_sublayer(built, D)}
    shaped: dict[str, int] = {}
    for matrix in matrices(built, D):
        shaped[matrix.part] = shaped.get(matrix.part, 0) + matrix.weights
    assert shaped.keys() == counted.keys()
    for part, weights in shaped.items():
        # What is left are norms, gates' vectors, kernels of convolutions, positions: less than D for each output.
        assert 0 <= counted[part] - weights <= 45 * D, part


def test_tables_are_one_where_tied():
    assert [matrix.module for matrix in tables(architecture(DENSE))] == ["embedding", "head"]
    assert [matrix.module for matrix in tables(architecture(DENSE, tied_embeddings=True))] == ["embedding"]


def test_named_matrices_take_the_format_by_hand():
    found = released(DENSE, method="fp8", formats=[FP8 | {"modules": ["dense"]}])
    # Three matrices of 20 x 12: a byte a weight, 5 x 3 blocks of four bytes; tables, norms and the last norm in bf16.
    assert found.parts["dense"] == 3 * (240 + 15 * 4)
    assert found.total == 3 * 300 + 2 * (2 * V * D + 2 * D)
    assert found.label == "fp8, blocks of 4 x 4"
    assert found.rest == "embedding, head, norms and vectors in bf16"
    assert found.assumed == ""


def test_biases_stay_in_sixteen_bits():
    found = released(MOE | {"bias": True}, method="mxfp4", formats=[FOUR | {"modules": ["experts"]}])
    weights = 8 * 3 * (5 * D * 4 // 8) + 8 * (2 * 5 * 1 + D * 1)  # a block a row, as 12 and 5 are less than 32
    assert found.parts["routed"] == weights + 2 * 8 * (2 * 5 + D)


def test_only_the_layers_named_take_it():
    some = released(DENSE, repeat=4, method="awq", formats=[FP8 | {"modules": ["dense"], "layers": [1, 3]}])
    every = released(DENSE, repeat=4, method="awq", formats=[FP8 | {"modules": ["dense"]}])
    none = released(DENSE, repeat=4)
    assert some.total == (every.total + none.total) / 2


def test_the_first_format_that_names_a_matrix_holds():
    both = [FOUR | {"modules": ["experts"]}, FP8 | {"modules": ["experts", "query"]}]
    found = released(ATTENTION, MOE, method="fp8", formats=both)
    assert found.parts["routed"] == 8 * (2 * (30 + 5) + (30 + 12))
    assert found.label == "mxfp4 and fp8, blocks of 4 x 4"


@pytest.mark.parametrize(("checkpoint", "assumed", "each"), [
    ({"dtype": None}, "the type of the weights is not reported, so bf16 is assumed", 2),
    ({"dtype": "fp32"}, "", 4), ({"dtype": "fp16"}, "", 2),
    ({"method": "quark", "note": "the quantisation quark is not understood"}, "the quantisation quark is not", 2),
    ({"method": "x"}, "the quantisation x is not understood", 2),
])  # fmt: skip
def test_what_records_do_not_say_is_marked(checkpoint, assumed, each):
    found = released(DENSE, **checkpoint)
    assert found.assumed.startswith(assumed)
    assert bool(found.assumed) == bool(assumed)
    assert found.total == each * count(architecture(DENSE)).total


@pytest.mark.parametrize(("name", "total"), [
    # `total_size` of the released model.safetensors.index.json: every tensor's bytes.
    ("gpt-oss-20b", 13_761_264_768),
])  # fmt: skip
def test_released_checkpoints_to_the_byte(name, total):
    read = read_config(RELEASED[name], source="s").architecture
    assert as_released(read, count(read)).total == total


def test_deepseek_v3_by_hand():
    read = read_config(RELEASED["deepseek-v3"], source="s").architecture
    mla = [(1536, 7168), (128 * 192, 1536), (512 + 64, 7168), (128 * 256, 512), (7168, 128 * 128)]
    expert, dense = [(2048, 7168)] * 2 + [(7168, 2048)], [(18432, 7168)] * 2 + [(7168, 18432)]

    def fp8(shapes):
        return sum(rows * columns + 4 * -(-rows // 128) * -(-columns // 128) for rows, columns in shapes)

    matrices_only = 61 * fp8(mla) + 58 * 257 * fp8(expert) + 3 * fp8(dense)
    weights = sum(
        times * rows * columns
        for times, shapes in ((61, mla), (58 * 257, expert), (3, dense))
        for rows, columns in shapes
    )
    assert as_released(read, count(read)).total == matrices_only + 2 * (671_026_404_352 - weights)


@given(st.sampled_from(list(FORMATS)), st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
def test_one_format_for_all_is_as_before(key, sublayers):
    built = architecture(*sublayers)
    parameters = count(built)
    found = kept_in(FORMATS[key], parameters)
    assert found.total == parameters.total * FORMATS[key].bytes_per_weight
    assert size(built, Setting(weights=FORMATS[key])).stored.total == found.total


@given(st.integers(1, 16), st.integers(0, 64), st.integers(0, 64), st.integers(0, 40), st.sampled_from(KINDS))
def test_fewer_bits_are_fewer_bytes(bits, rows, columns, scale, sublayer):
    layout = {"block_rows": rows, "block_columns": columns, "block_bits": scale, "weight_type": "int"}
    modules = ["query", "key-value", "attention-output", "mixer", "experts", "shared", "dense", "head"]
    found = [
        released(sublayer, method="x", formats=[layout | {"weight_bits": b, "modules": modules}]).total
        for b in (bits, bits + 1)
    ]
    assert found[0] < found[1]
    assert isinstance(found[0], Fraction)


def test_known_layouts_have_their_names():
    named = {
        ("fp", 8, 128, 128, 32): "fp8-block-128", ("fp", 4, 1, 32, 8): "mxfp4", ("fp", 4, 1, 16, 8): "nvfp4",
        ("int", 4, 1, 128, 20): "int4-group-128", ("int", 4, 1, 32, 16): "int4-group-32", ("fp", 8, 0, 0, 0): "fp8",
    }  # fmt: skip
    for (kind, bits, rows, columns, scale), key in named.items():
        built = architecture(DENSE, checkpoint={"method": "m", "formats": [{
            "weight_type": kind, "weight_bits": bits, "block_rows": rows, "block_columns": columns, "block_bits": scale,
            "modules": ["dense"],
        }]})  # fmt: skip
        assert weight_format(built.checkpoint.formats[0]) is FORMATS[key]
