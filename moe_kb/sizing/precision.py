"""Bytes that a weight takes in the formats in which mixtures of experts are released and served.

A format keeps b bits for each weight and s bits for each block of r x c weights of a matrix (its scale and, where there
is one, its zero point). A matrix of R rows (outputs) and C columns (inputs) then takes

    R * C * b / 8  +  ceil(R / r) * ceil(C / c) * s / 8     bytes,

and a weight of a matrix that is divided evenly takes  (b + s / (r * c)) / 8  bytes. Which of its matrices a model keeps
in which format is said elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """A way to keep weights; all sizes in bits."""

    key: str
    label: str
    weight_bits: int
    """b, for each weight."""
    block: tuple[int, int] = (1, 1)
    """r x c, rows (outputs) and columns (inputs) of the weights that share a scale."""
    block_bits: int = 0
    """s, for each block: scale and zero point."""
    source: str = ""
    """Where the layout is laid down."""
    integer: bool = False
    """Whether weights are integers."""

    @property
    def bytes_per_weight(self) -> Fraction:
        """(b + s / (r * c)) / 8, exact where a matrix is divided evenly into blocks."""
        rows, columns = self.block
        return (self.weight_bits + Fraction(self.block_bits, rows * columns)) / 8

    @property
    def formula(self) -> str:
        """The numbers put into the formula, for people: `(4 + 16 / 128) / 8 = 0.515625`."""
        rows, columns = self.block
        shape = f"({rows} * {columns})" if rows > 1 else str(columns)
        scale = f" + {self.block_bits} / {shape}" if self.block_bits else ""
        bits = f"({self.weight_bits}{scale})" if scale else str(self.weight_bits)
        return f"{bits} / 8 = {float(self.bytes_per_weight):.8g}"

    def matrix_bytes(self, rows: int, columns: int) -> Fraction:
        """Bytes of a matrix, the blocks at its edges counted whole.

        Args:
            rows: R, outputs, at least 0.
            columns: C, inputs, at least 0.

        Raises:
            ValueError: A negative size.
        """
        if rows < 0 or columns < 0:
            raise ValueError(f"a matrix has no negative sizes: {rows} x {columns}")
        r, c = self.block
        blocks = -(-rows // r) * -(-columns // c)
        return Fraction(rows * columns * self.weight_bits + blocks * self.block_bits, 8)


FP32 = WeightFormat("fp32", "fp32", 32, source="IEEE 754 binary32: 32 bits")
"""4 bytes a weight."""

BF16 = WeightFormat("bf16", "bf16", 16, source="bfloat16: 16 bits")
"""2 bytes a weight; fp16 takes the same."""

FP8 = WeightFormat("fp8", "fp8, one scale a matrix", 8, source="8 bits; the scale of a whole matrix is not counted")
"""1 byte a weight."""

FP8_BLOCK = WeightFormat(
    "fp8-block-128",
    "fp8, blocks of 128 x 128",
    8,
    (128, 128),
    32,
    "DeepSeek-V3, README_WEIGHTS.md, FP8 Weight Documentation: `weight_scale_inv`, a float32 for each 128x128 block",
)
"""(8 + 32 / (128 * 128)) / 8 = 1.00024... bytes a weight: an fp32 scale for each block of 128 x 128, as DeepSeek-V3's
released weights have them."""

INT4_GROUP_128 = WeightFormat(
    "int4-group-128",
    "int4, groups of 128 with zero points",
    4,
    (1, 128),
    16 + 4,
    "GPTQ as AutoGPTQ stores it (qlinear_cuda_old.py at 179776bd: `scales` float16 and `qzeros` of 4 bits for each "
    "group of inputs); 128 is the default group size of transformers' GPTQConfig and AwqConfig, the latter with a "
    "zero point",
    integer=True,
)
"""(4 + (16 + 4) / 128) / 8 = 0.51953125 bytes a weight: an fp16 scale and a 4-bit zero point for each 128 inputs of an
output. The order of the inputs (`g_idx`), which GPTQ keeps once a matrix, is not counted."""

INT4_GROUP_32 = WeightFormat(
    "int4-group-32",
    "int4, groups of 32 without zero points",
    4,
    (1, 32),
    16,
    "ggml's Q4_0 (ggml-common.h: `block_q4_0`, a half-precision scale and 32 nibbles)",
    integer=True,
)
"""(4 + 16 / 32) / 8 = 0.5625 bytes a weight: a 16-bit scale for each 32 inputs, symmetric."""

MXFP4 = WeightFormat(
    "mxfp4",
    "mxfp4",
    4,
    (1, 32),
    8,
    "OCP Microscaling Formats (MX) Specification v1.0; Microsoft's microxcaling, README, Spec Concrete MX-Compatible "
    "Formats: fp4_e2m1, block size 32, 8 bits of scale",
)
"""(4 + 8 / 32) / 8 = 0.53125 bytes a weight: e2m1 with an e8m0 scale for each 32 inputs."""

NVFP4 = WeightFormat(
    "nvfp4",
    "nvfp4",
    4,
    (1, 16),
    8,
    "NVIDIA Technical Blog, Inside NVIDIA Blackwell Ultra, section on NVFP4: an FP8 (E4M3) scale for each 16 values; "
    "its fp32 scale for a whole tensor is not counted",
)
"""(4 + 8 / 16) / 8 = 0.5625 bytes a weight: e2m1 with an e4m3 scale for each 16 inputs."""

FORMATS: dict[str, WeightFormat] = {
    weights.key: weights for weights in (FP32, BF16, FP8, FP8_BLOCK, INT4_GROUP_128, INT4_GROUP_32, MXFP4, NVFP4)
}
"""Every format by key, those with more bits first."""

_SIXTEEN_BITS = ("bf16", "fp16")


def arithmetics(weights: WeightFormat) -> tuple[str, ...]:
    """Precisions that weights of a format are multiplied in, the best first; a device uses the first that it has.

    Those in low precision can be unpacked to 16 bits, as integers of four bits always are.
    """
    if weights.weight_bits > 16:
        return ("fp32", "fp32_vector")
    if weights.weight_bits == 8:
        return ("int8" if weights.integer else "fp8", *_SIXTEEN_BITS)
    if weights.key in (MXFP4.key, NVFP4.key):
        return ("fp4", *_SIXTEEN_BITS)
    return _SIXTEEN_BITS
