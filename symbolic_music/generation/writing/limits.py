"""Whether a prompt is music, and whether limits leave room for a piece. Knows neither models nor torch."""

import numpy as np

from symbolic_music.events.completion import Completion
from symbolic_music.tokenization.token_grammar import TokenGrammar


class GrammarError(ValueError):
    """A prompt that the grammar does not accept, or limits that contradict each other or leave no room for a piece."""


def not_music(grammar: TokenGrammar, row: int, ids: list[int]) -> GrammarError:
    """What to raise for a prompt that the grammar does not accept."""
    said = "music" if grammar.completion is None else "what is asked for"
    return GrammarError(f"prompt {row} is not {said}: {grammar.explain(ids)}")


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
    if grammar.completion is not None:
        needed = max(needed, *(_needed(grammar.completion, rows) for rows in states), 0)
    if max_length is not None and length + needed > max_length:
        raise GrammarError(
            f"a limit of {max_length} tokens leaves no room to finish a piece of {length} tokens; "
            f"at least {length + needed} are needed"
        )
    if num_bars is not None and int(bars.max()) > num_bars:
        raise GrammarError(f"the prompt has {int(bars.max())} bars, more than the {num_bars} asked for")


def _needed(completion: Completion, rows: np.ndarray) -> int:
    needed = completion.needed(completion.key(rows))
    if needed is None:
        raise GrammarError("the prompt cannot go on to a piece that is all that is asked for")
    return needed


def fitting(grammar: TokenGrammar, rows: np.ndarray, ids: np.ndarray, remaining: int | None) -> np.ndarray:
    """Which tokens leave a way to a complete piece that fits; all do where the automata alone know that.

    Args:
        grammar: the token grammar.
        rows: (A,) of a sequence.
        ids: (n,) tokens that the automata allow behind it.
        remaining: tokens that the sequence may still get, or None.

    Returns:
        (n,) bool.
    """
    completion = grammar.completion
    if completion is None or not len(ids):
        return np.ones(len(ids), dtype=bool)
    after = grammar.next_state[rows[:, None], grammar.kinds[ids]].T
    return completion.all_within(completion.key(after), most_needed(grammar, completion, rows, remaining))


def most_needed(grammar: TokenGrammar, completion: Completion, rows: np.ndarray, remaining: int | None) -> int | None:
    """Events that a sequence may need behind its next token; None sets no limit.

    That is what is left, and when that is hardly enough, less than now.

    Args:
        grammar: the token grammar.
        completion: its own.
        rows: (A,) of the sequence.
        remaining: tokens that it may still get, or None.
    """
    if remaining is None:
        return None
    now = completion.needed(completion.key(rows))
    assert now is not None
    # Behind the end, padding needs as little as before.
    return remaining - 1 if remaining > grammar.closing_room + now else min(remaining - 1, max(now - 1, 0))
