"""Models train, generate, save and load on processors without AVX-512, AMX or even AVX2.

The instruction sets are masked for torch's own kernels (ATEN_CPU_CAPABILITY) and for oneDNN's (ONEDNN_MAX_CPU_ISA), so
that the tests mean the same on every x86 processor.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
MASKS = {"AVX2": "avx2", "SSE41": "default"}
FAMILIES = ("music_transformer", "music_lstm")


@pytest.fixture(scope="module", params=MASKS)
def run(request):
    """What `plain_processor.py` printed: (capability, facts of each family, its standard error)."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"the masked instruction sets are of x86 processors, this is {platform.machine()}")
    environment = os.environ | {
        "ONEDNN_MAX_CPU_ISA": request.param,
        "ATEN_CPU_CAPABILITY": MASKS[request.param],
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(Path(__file__).with_name("plain_processor.py"))]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    first, *lines = map(json.loads, result.stdout.splitlines())
    assert first["capability"] == MASKS[request.param].upper()
    return {facts["family"]: facts for facts in lines}, result.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_training_in_bf16_autocast_follows_float32(run, family):
    facts = run[0][family]
    plain, half = facts["torch.float32"], facts["torch.bfloat16"]
    assert plain["finite"]
    assert half["finite"]
    assert half["losses"] == pytest.approx(plain["losses"], abs=0.05)
    assert plain["losses"][2] < plain["losses"][0]


@pytest.mark.parametrize("family", FAMILIES)
def test_generating_with_a_cache_and_with_beams(run, family):
    facts = run[0][family]
    assert facts["torch.float32"]["cache"]
    assert facts["torch.float32 beams"] == facts["torch.bfloat16 beams"] == 18


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_saved_in_bf16_loads_and_generates(run, family):
    if not torch.cuda.is_available():
        assert run[0][family]["alone"] == "torch.float32", "where nothing is asked for, what is fast here"
    assert run[0][family]["saved"] == {"dtype": "torch.bfloat16", "equal": True, "generated": 18}


def test_a_missing_kernel_is_said_in_one_line_and_only_once(run):
    lines = [line for line in run[1].splitlines() if "no LSTM kernel for torch.bfloat16" in line]
    assert lines == [
        "This processor has no LSTM kernel for torch.bfloat16: LSTM layers run in torch.float32, outside autocast."
    ]
