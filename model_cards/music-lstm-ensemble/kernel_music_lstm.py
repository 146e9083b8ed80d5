"""How the layers of the LSTM are computed: by torch's kernel over whole sequences, or one step at a time."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers.utils import logging

# The matrices that nn.LSTM stacks.
NUM_GATES = 4
State = tuple[torch.Tensor, torch.Tensor]

logger = logging.get_logger(__name__)


@cache
def has_cpu_kernel(weights: torch.dtype, autocast: torch.dtype | None) -> bool:
    """Whether nn.LSTM trains on this processor; where it does not, that is said in one line.

    oneDNN has no mixed-precision LSTM for processors without AVX-512, but autocast goes there on all of them; and
    where an instruction set is masked (`ONEDNN_MAX_CPU_ISA`), torch does not know that oneDNN does without. So it is
    tried: in a thread of its own, because the modes of the first caller are its thread's (no gradients, inference,
    what activation checkpointing watches).

    Args:
        weights: the type of the weights.
        autocast: the type that autocast computes in, None where it is off.
    """
    try:
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(_train_on_zeros, weights, autocast).result()
    except RuntimeError:
        instead = f"in {weights}, outside autocast" if autocast else "in torch's own kernel"
        logger.warning(f"This processor has no LSTM kernel for {autocast or weights}: LSTM layers run {instead}.")
        return False
    return True


def _train_on_zeros(weights: torch.dtype, autocast: torch.dtype | None) -> None:
    """One step through the smallest LSTM; takes no random number."""
    zeros = torch.zeros(1, 1, 1, dtype=weights, device="cpu")
    matrix = zeros.new_zeros(NUM_GATES, 1).requires_grad_()
    parameters = [matrix, matrix, zeros.new_zeros(NUM_GATES), zeros.new_zeros(NUM_GATES)]
    with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        outputs = torch.lstm(zeros, (zeros, zeros), parameters, True, 1, 0.0, True, False, True)[0]
    outputs.float().sum().backward()


def run_padded(
    lstm: nn.LSTM, hidden_states: torch.Tensor, mask: torch.Tensor, state: State
) -> tuple[torch.Tensor, State]:
    """Run an LSTM over real tokens only, wherever the padding is.

    Each row's real tokens are moved to its front, run as a packed sequence, and moved back.

    Args:
        lstm: one layer, batch first.
        hidden_states: (batch, length, width).
        mask: (batch, length), True for real tokens.
        state: hidden and cell state, each (1, batch, hidden_size).

    Returns:
        outputs (batch, length, hidden_size), zero at padding, and the state after each row's last real token.
    """
    order = mask.long().argsort(dim=1, descending=True, stable=True)[..., None]
    lengths = mask.sum(dim=1)
    packed = pack_padded_sequence(
        hidden_states.take_along_dim(order, dim=1),
        lengths.clamp(min=1).cpu(),  # a row without a real token cannot be packed; it is put right below
        batch_first=True,
        enforce_sorted=False,
    )
    outputs, new_state = lstm(packed, state)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=hidden_states.shape[1])
    outputs = torch.zeros_like(outputs).scatter(1, order.expand_as(outputs), outputs)
    is_read = (lengths > 0)[None, :, None]
    hidden, cell = (torch.where(is_read, new, old) for new, old in zip(new_state, state, strict=True))
    return outputs * mask[..., None], (hidden, cell)


def run_one_step(
    lstm: nn.LSTM, hidden_states: torch.Tensor, mask: torch.Tensor | None, state: State
) -> tuple[torch.Tensor, State]:
    """Run an LSTM over one token, as `generate()` does; arguments and results are `run_padded`'s, with a length of 1.

    On a CPU, nn.LSTM lays its weights out anew for oneDNN at every call, which for one token costs more than the
    token: 1.71 ms of processor time at a width of 440, where the bare cell takes 0.28 ms.
    """
    hidden, cell = torch.lstm_cell(hidden_states[:, 0], (state[0][0], state[1][0]), *lstm.all_weights[0])
    outputs = hidden[:, None]
    if mask is not None:
        outputs = outputs * mask[..., None]
        hidden, cell = torch.where(mask, hidden, state[0][0]), torch.where(mask, cell, state[1][0])
    return outputs, (hidden[None], cell[None])
