"""bf16 autocast only where the device computes bf16."""

import pytest
import torch

from symbolic_music.models import device_precision
from symbolic_music.models.device_precision import fast_bf16_available


@pytest.mark.parametrize("amd", [False, True])
@pytest.mark.parametrize("avx512_bf16", [False, True])
@pytest.mark.parametrize("amx", [False, True])
def test_a_processor_needs_amx_or_amd_s_units(amx, avx512_bf16, amd, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(device_precision, "_is_amd", lambda: amd)
    fast = amx or (avx512_bf16 and amd)
    assert fast_bf16_available("cpu") is fast
    assert fast_bf16_available(torch.device("cpu")) is fast


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_must_support_it_without_emulation(supported, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert fast_bf16_available("cuda:0") is supported


def test_other_devices_stay_with_float32():
    assert fast_bf16_available("meta") is False
