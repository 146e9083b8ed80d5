"""Whether a prompt is music, and whether limits leave room for a piece. Knows neither models nor torch."""

import numpy as np

from symbolic_music.tokenization.token_grammar import TokenGrammar


class GrammarError(ValueError):
    """A prompt that the grammar does not accept, or limits that contradict each other or leave no room for a piece."""


def not_music(grammar: TokenGrammar, row: int, ids: list[int]) -> GrammarError:
    """What to raise for a prompt that the grammar does not accept."""
    return GrammarError(f"prompt {row} is not music: {grammar.explain(ids)}")


def check_vocabulary(model_size: int, grammar_size: int) -> None:
    """Whether a model has all tokens of a grammar.

    Raises:
        GrammarError: when it has fewer.
    """
    if model_size < grammar_size:
        raise GrammarError(
            f"the model has {model_size} tokens, the grammar {grammar_size}: they do not belong together"
        )


def check_room(
    grammar: TokenGrammar,
    states: np.ndarray,
    bars: np.ndarray,
    length: int,
    max_length: int | None,
    num_bars: int | None,
) -> None:
    """Whether prompts leave room for pieces.

    Args:
        grammar: the token grammar.
        states: (B, A) rows behind the prompts.
        bars: (B,) begun in them.
        length: of each in tokens.
        max_length: longest sequence in tokens, or None.
        num_bars: of every piece, or None.

    Raises:
        GrammarError: when one does not.
    """
    needed = int(grammar.to_end(states).max())
    if max_length is not None and length + needed > max_length:
        raise GrammarError(
            f"a limit of {max_length} tokens leaves no room to finish a piece of {length} tokens; "
            f"at least {length + needed} are needed"
        )
    if num_bars is not None and int(bars.max()) > num_bars:
        raise GrammarError(f"the prompt has {int(bars.max())} bars, more than the {num_bars} asked for")
