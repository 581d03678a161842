"""Balancing losses between the devices that hold the experts (DeepSeekMoE, DeepSeek-V2).

Devices hold equal runs of neighbouring experts: expert i of E stands on device i // (E / n_devices). Gradients
flow through the probabilities alone; no token gives 0.
"""

import torch
from torch import Tensor


def device_balance_loss(probability_TE: Tensor, choice_TK: Tensor, n_devices: int) -> Tensor:
    r"""$\sum_d f'_d P'_d$ over devices: 1 under perfect balance.

    $f'_d$ is the mean over the device's experts of $\frac{E}{KT}$ times the tokens that chose the expert, $P'_d$ the
    sum of the experts' mean probabilities (DeepSeekMoE, section 3.3).
    """
    E = probability_TE.shape[1]
    count_E = torch.bincount(choice_TK.flatten(), minlength=E).to(probability_TE.dtype)
    fraction_E = count_E * E / max(choice_TK.numel(), 1)
    fraction_V = fraction_E.view(n_devices, -1).mean(1)  # V: devices
    return (fraction_V * _probability_of_devices(probability_TE, n_devices)).sum()


def communication_balance_loss(probability_TE: Tensor, choice_TK: Tensor, n_devices: int, most_devices: int) -> Tensor:
    r"""$\sum_d f''_d P''_d$ over devices: at most 1 if every device receives equally many tokens.

    $f''_d$ is $\frac{V}{MT}$ times the tokens sent to device d, where V is the number of devices and M
    (`most_devices`) how many of them a token may be sent to; $P''_d$ is the sum of the mean probabilities of the
    device's experts (DeepSeek-V2, equations 29 to 31). Tokens that use fewer than M devices make it smaller.
    """
    sent_TV = devices_of(choice_TK, probability_TE.shape[1], n_devices).to(probability_TE.dtype)
    fraction_V = sent_TV.sum(0) * n_devices / (most_devices * max(len(sent_TV), 1))
    return (fraction_V * _probability_of_devices(probability_TE, n_devices)).sum()


def devices_of(choice_TK: Tensor, n_experts: int, n_devices: int) -> Tensor:
    """Which devices hold an expert that the token chose, bool [T, devices]."""
    device_TK = choice_TK // (n_experts // n_devices)
    sent_TV = torch.zeros(len(choice_TK), n_devices, dtype=torch.bool, device=choice_TK.device)
    return sent_TV.scatter(1, device_TK, True)


def _probability_of_devices(probability_TE: Tensor, n_devices: int) -> Tensor:
    mean_E = probability_TE.sum(0) / max(len(probability_TE), 1)
    return mean_E.view(n_devices, -1).sum(1)
