"""Which number formats a device computes quickly. It knows devices, not models."""

import torch


def fast_bf16_available(device: torch.device | str) -> bool:
    """Whether bf16 autocast speeds matrix products up on a device, rather than emulating them.

    On a CPU without AMX or AVX512-BF16 units every product is emulated: measured 76 times slower than float32 on an
    AMD Zen 3. With AMX, bf16 is what makes training on a CPU fast.

    Args:
        device: where the model runs.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    if device.type == "cuda":
        # Emulated bf16 (before Ampere) is allowed by default, and slow.
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "xpu"


__all__ = ["fast_bf16_available"]
