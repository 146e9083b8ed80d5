"""How well a device is used: floating-point operations of training, and the device's peak.

Knows configurations and names of devices, nothing of time.
"""

from typing import Any

from torch import nn
from transformers import PreTrainedConfig

# Dense bf16 matrix products, in FLOP/s, by a part of the device's name as `torch.cuda.get_device_name` gives it. From
# the makers' data sheets (NVIDIA H100, H200, A100, L40S, L4, V100: fp16; figures "with sparsity" halved; AMD MI300X).
# The first that fits counts.
PEAK_FLOPS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "GH200": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "V100": 125e12,
    "MI300X": 1307e12,
}


def peak_flops(device_name: str) -> float | None:
    """Peak dense bf16 FLOP/s of a device; None where it is not known, as for CPUs."""
    return next((peak for part, peak in PEAK_FLOPS.items() if part in device_name), None)


class TrainingFlops:
    """FLOPs of training a model.

    6 N + 12 L H Q T a token (Chowdhery et al. 2022, "PaLM", appendix B): N parameters, L layers, H heads of width Q, T
    the length of the sequence. All parameters count but tables of positions, and those of tokens where the head is not
    tied to them, since these are looked up; the masked half of attention is counted, what is computed twice is not.
    Layers without attention, as an LSTM's, have the first term only. In an encoder-decoder the encoder's parameters
    count for the tokens it reads, as do the projections to keys and values by which the decoder attends to it.

    Args:
        model: causal, or with an encoder.
    """

    def __init__(self, model: nn.Module):
        self.config: Any = model.config
        self.read_weights, self.predicted_weights = _weights(model)

    def of(self, targets: int, sources: int, length: int) -> float:
        """FLOPs of a batch.

        Args:
            targets: tokens predicted.
            sources: tokens read by an encoder.
            length: of each sequence.
        """
        config = self.config
        if not config.is_encoder_decoder:
            return targets * (6 * self.predicted_weights + 12 * attention_width(config) * length)
        decoder = 6 * self.predicted_weights + 12 * config.decoder_layers * config.d_model * 2 * length
        encoder = 6 * self.read_weights + 12 * config.encoder_layers * config.d_model * length
        return targets * decoder + sources * encoder


def attention_width(config: PreTrainedConfig) -> int:
    """L H Q of a causal model: the widths of all its attention layers together; 0 without attention."""
    if not getattr(config, "num_attention_heads", None):
        return 0
    return config.num_hidden_layers * config.hidden_size


def _weights(model: nn.Module) -> tuple[int, int]:
    """Parameters that each read and each predicted token is multiplied with."""
    looked_up = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    head = model.get_output_embeddings()  # type: ignore[operator]
    looked_up -= {id(head.weight)}
    counts = {True: 0, False: 0}
    for name, parameter in model.named_parameters():
        if id(parameter) not in looked_up:
            reads = ".encoder." in name or "encoder_attn.k_proj" in name or "encoder_attn.v_proj" in name
            counts[reads] += parameter.numel()
    return counts[True], counts[False]


def utilisation(flops: float, seconds: float, peak: float | None) -> float | None:
    """Model-FLOP utilisation: the share of the peak that was reached; None where the peak is not known."""
    return flops / seconds / peak if peak and seconds > 0 else None
