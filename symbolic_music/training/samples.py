"""A sample written while training. Knows how to ask the generation layer for one piece, nothing else."""

from pathlib import Path

from transformers import PreTrainedModel

from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.score.midi.io import write_midi
from symbolic_music.tokenization.processing_music import MusicProcessor


def write_sample(processor: MusicProcessor, num_bars: int, model: PreTrainedModel, seed: int, path: Path) -> None:
    """Compose one piece and write it as MIDI.

    Args:
        processor: of the model.
        num_bars: bars to compose.
        model: in evaluation mode.
        seed: of the sampler.
        path: the file to write.

    Raises:
        ValueError: when the sample is no complete piece.
    """
    [piece] = compose(model, processor, options=SamplingOptions(num_bars=num_bars, seed=seed))
    if piece.score is None:
        raise ValueError(piece.invalid_reason)
    write_midi(piece.score, path)
