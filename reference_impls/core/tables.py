"""Looking up the experts of token ids, for designs that route by a fixed table."""

import torch
from torch import Tensor


def look_up(table_VK: Tensor, token_id_T: Tensor) -> Tensor:
    """The rows of a table for token ids.

    Raises:
        ValueError: if a token id lies outside the table.
    """
    if token_id_T.numel() and not 0 <= int(token_id_T.min()) <= int(token_id_T.max()) < len(table_VK):
        raise ValueError(
            f"token ids reach from {int(token_id_T.min())} to {int(token_id_T.max())}, the table has "
            f"vocabulary = {len(table_VK)}"
        )
    return table_VK[token_id_T]


def no_doubt(T: int, n_experts: int, like: Tensor) -> Tensor:
    """Probabilities [T, E] of a router that has no distribution: each row certain, so that the entropy is 0."""
    certain_TE = like.new_zeros(T, n_experts, dtype=torch.promote_types(like.dtype, torch.float32))
    certain_TE[:, 0] = 1
    return certain_TE
