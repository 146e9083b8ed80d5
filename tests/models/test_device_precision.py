"""bf16 autocast only where the device computes bf16."""

import pytest
import torch

from symbolic_music.models.device_precision import fast_bf16_available


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "fast"), [(False, False, False), (True, True, True), (False, True, False)]
)
def test_a_processor_needs_amx(amx, avx512_bf16, fast, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    assert fast_bf16_available("cpu") is fast
    assert fast_bf16_available(torch.device("cpu")) is fast


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_must_support_it_without_emulation(supported, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert fast_bf16_available("cuda:0") is supported


def test_other_devices_stay_with_float32():
    assert fast_bf16_available("meta") is False
