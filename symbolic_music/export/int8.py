"""A graph's matrices as 8-bit integers. Knows ONNX, and nothing of models."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from symbolic_music._extras import require


def to_int8(model: bytes) -> bytes:
    """Weights of matrix products and of embeddings in 8 bits, one scale a column; activations as they come.

    What it costs depends on the model: `tests/benchmarks/bench_precision.py` measures it in bits per note.

    Args:
        model: a graph, serialised.
    """
    onnx = require("onnx")
    quantization = require("onnxruntime.quantization")
    with TemporaryDirectory() as folder, _silent():
        target = Path(folder) / "int8.onnx"
        quantization.quantize_dynamic(
            onnx.load_model_from_string(model),
            target,
            op_types_to_quantize=["MatMul", "Gather", "LSTM"],
            per_channel=True,
            # Signed ones overflow the 16-bit sums of processors without VNNI: 2.2% more bits per note, where these
            # cost 0.4% (gpt2-music-base, AVX2).
            weight_type=quantization.QuantType.QUInt8,
            # What ONNX Runtime's own operators give has no type that ONNX could infer.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return target.read_bytes()


@contextmanager
def _silent() -> Iterator[None]:
    """Without the advice to infer shapes first, which these graphs don't need."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
