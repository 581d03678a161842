"""K-means by Lloyd's steps, and a start for it."""

import torch
from torch import Tensor


def nearest(x_TD: Tensor, centre_ED: Tensor) -> Tensor:
    """The nearest centre of each row by Euclidean distance, int64 [T]; the first of equals."""
    # |x - c|^2 without |x|^2, which is the same for all centres.
    return (centre_ED.square().sum(-1) - 2 * x_TD @ centre_ED.T).argmin(-1)


def lloyd(x_TD: Tensor, centre_ED: Tensor, steps: int, tolerance: float = 0.0) -> Tensor:
    """Move each centre to the mean of the rows nearest to it, over and over; [E, D].

    A centre that no row is nearest to stays. Ends early when no coordinate of a centre moves by more than
    `tolerance`.
    """
    for _ in range(steps):
        label_T = nearest(x_TD, centre_ED)
        size_E = torch.bincount(label_T, minlength=len(centre_ED)).to(x_TD.dtype)
        sum_ED = torch.zeros_like(centre_ED).index_add_(0, label_T, x_TD)
        moved_ED = torch.where(size_E[:, None] > 0, sum_ED / size_E[:, None].clamp(min=1), centre_ED)
        still = bool(((moved_ED - centre_ED).abs() <= tolerance).all())
        centre_ED = moved_ED
        if still:
            break
    return centre_ED


def spread_start(x_TD: Tensor, n_centres: int) -> Tensor:
    """Rows to start from, each drawn with a chance in proportion to its squared distance from those before (k-means++).

    Where all rows are taken, or alike, some row is taken again.
    """
    chosen = [int(torch.randint(len(x_TD), ()))]
    distance_T = (x_TD - x_TD[chosen[0]]).square().sum(-1)
    while len(chosen) < n_centres:
        chance_T = distance_T if bool(distance_T.sum() > 0) else torch.ones_like(distance_T)
        chosen.append(int(torch.multinomial(chance_T, 1)))
        distance_T = distance_T.minimum((x_TD - x_TD[chosen[-1]]).square().sum(-1))
    return x_TD[chosen].clone()
