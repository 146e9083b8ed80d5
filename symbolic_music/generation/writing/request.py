"""What a model is asked to write."""

from dataclasses import dataclass

from symbolic_music.generation.engine.draw import Draw
from symbolic_music.generation.writing.header import Header
from symbolic_music.tokenization.token_grammar import TokenGrammar


@dataclass(frozen=True)
class Request:
    """What to write.

    Attributes:
        prompt: ids that stand before.
        max_length: longest sequence in tokens, prompt included.
        eos: the id that ends a sequence.
        pad: the id that stands behind it.
        draw: how a token is chosen.
        grammar: what may follow, or None where everything may.
        num_bars: of every piece, or None.
        header: what stands first in it, or None.
        start: tokens of the prompt that are not of the piece.
        context: ids that an encoder reads, or None.
        particles: sequences that are written for each one that is wanted; see `engine.particles`.
        free: what may follow where nothing is asked for, by which particles are weighed; needed for more than one.
    """

    prompt: list[int]
    max_length: int
    eos: int
    pad: int
    draw: Draw
    grammar: TokenGrammar | None = None
    num_bars: int | None = None
    header: Header | None = None
    start: int = 0
    context: list[int] | None = None
    particles: int = 1
    free: TokenGrammar | None = None


def until_end(ids: list[int], eos: int) -> list[int]:
    """Ids up to the first end, where there is one."""
    return ids[: ids.index(eos) + 1] if eos in ids else ids
