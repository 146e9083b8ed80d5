"""How much memory a run takes, and giving it back."""

import ctypes
import gc
import resource
import sys
from pathlib import Path

import torch


class PeakMemory:
    """The most memory that is used from here on: allocated on a GPU, or resident on a CPU.

    A CPU's figure includes the interpreter and its libraries; `before` is what was resident at the start.

    Attributes:
        kind: what `peak` means, in words.
        before: bytes at the start.
    """

    def __init__(self, device: torch.device):
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.kind = "allocated on the GPU"
            self.before = torch.cuda.memory_allocated(device)
            return
        try:
            # Linux takes the mark of the most resident memory back to the present (man 5 proc, clear_refs).
            Path("/proc/self/clear_refs").write_text("5")
            self.kind = "resident, during the run"
        except OSError:
            self.kind = "resident, of the process so far"
        self.before = self._resident_mark()

    def peak(self) -> int:
        """Bytes, of this process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        # Linux moves its mark when memory is given back, not for each page: it may fall behind what was read first.
        return max(self.before, self._resident_mark())

    @staticmethod
    def _resident_mark() -> int:
        try:
            status = Path("/proc/self/status").read_text()
            return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
        except (OSError, StopIteration):
            # In kilobytes, but on macOS in bytes (man getrusage).
            scale = 1 if sys.platform == "darwin" else 1024
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def free_memory() -> None:
    """Give back what a run leaves behind, so that the next one's peak is its own."""
    gc.collect()
    torch.compiler.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
