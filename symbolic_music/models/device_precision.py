"""Which number formats a device computes quickly. It knows devices, not models."""

import functools
from pathlib import Path

import torch


def fast_bf16_available(device: torch.device | str) -> bool:
    """Whether bf16 autocast speeds matrix products up on a device, rather than emulating them.

    On a CPU, AMX makes bf16 fast, and so does AVX512-BF16 where it has units of its own, as on AMD's Zen 4 and later:
    a training step of the Transformer took 0.62 times as long there, one of the LSTM 0.65 to 0.72 times. On a Sapphire
    Rapids Xeon without AMX, AVX512-BF16 products of 4,096 x 192 x 768 ran at 0.55 times the speed of float32 (166
    against 303 GFLOP/s on two cores). Without any of these every product is emulated: measured 76 times slower than
    float32 on an AMD Zen 3.

    Args:
        device: where the model runs.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return torch.cpu._is_amx_tile_supported() or (torch.cpu._is_avx512_bf16_supported() and _is_amd())
    if device.type == "cuda":
        # Emulated bf16 (before Ampere) is allowed by default, and slow.
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "xpu"


@functools.cache
def _is_amd() -> bool:
    """Whether AMD made this processor; only Linux says so, elsewhere no."""
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


__all__ = ["fast_bf16_available"]
