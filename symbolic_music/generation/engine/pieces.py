"""A piece as it is being written, token by token, and the rule it is written by."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symbolic_music.generation.engine.draw import Draw, Exponentials
from symbolic_music.generation.engine.rows import Row, RowGrammar, weigh
from symbolic_music.generation.writing.header import Header
from symbolic_music.generation.writing.limits import GrammarError, check_vocabulary

# So many tokens are tried one by one before all are looked at together.
_TRIES = 16


@dataclass(frozen=True)
class Rule:
    """How pieces are written.

    Attributes:
        draw: how one of several tokens is chosen.
        grammar: says what may follow; None lets everything follow.
        header: says what stands at the first places; None says nothing.
        start: tokens that the grammar does not see.
    """

    draw: Draw
    grammar: RowGrammar | None = None
    header: Header | None = None
    start: int = 0


class Piece:
    """A piece as it is being written.

    Args:
        rule: it is written by.
        prompt: ids that are given.
        noise: numbers drawn for it alone; None where they come from elsewhere, or nothing is random.
        number: of the piece, for messages.

    Attributes:
        ids: of the prompt and all behind it.

    Raises:
        GrammarError: when the prompt is not music, or leaves no room for a piece.
    """

    def __init__(self, rule: Rule, prompt: list[int], noise: "Noise | None" = None, number: int = 0):
        self.ids = list(prompt)
        self._rule, self._noise = rule, noise
        self._row: Row | None = rule.grammar.begin(self.ids[rule.start :], number) if rule.grammar else None
        self._behind_bos = 0
        if rule.header is not None:
            bos = rule.header.bos_token_id
            self._behind_bos = 1 + (self.ids.index(bos) if bos in self.ids else 0)

    def take(self, logits: np.ndarray, noise: Exponentials | None = None) -> int:
        """Go on by one token.

        Args:
            logits: (V,) of the model.
            noise: numbers of all tokens, where the piece draws none of its own.

        Raises:
            GrammarError: when nothing may follow.
        """
        if self._noise is not None:
            noise = self._noise.draw()
        token = self._choose(*self._options(logits), noise)
        self.ids.append(token)
        return token

    def _choose(self, ids: np.ndarray, scores: np.ndarray, noise: Exponentials | None) -> int:
        """One of the tokens that may follow (N,), by scores (N,); the grammar follows it."""
        token = self._rule.draw.choose(ids, scores, noise)
        if self._row is not None:
            grammar = self._rule.grammar
            assert grammar is not None
            tries = 0
            while not grammar.take(self._row, token):  # seldom, so the others are looked at only now
                tries += 1
                left = ids != token if tries < _TRIES else grammar.fitting(self._row, ids)
                ids, scores = ids[left], scores[left]
                if not len(ids):
                    raise GrammarError("what is asked for and other limits forbid all that the grammar allows")
                token = self._rule.draw.choose(ids, scores, noise)
        return token

    def _options(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What may follow, and its scores."""
        chosen = self._chosen()
        if self._row is None:
            ids = np.arange(len(logits)) if chosen is None else chosen
            return ids, logits[ids]
        grammar = self._rule.grammar
        assert grammar is not None
        check_vocabulary(len(logits), grammar.grammar.vocab_size)
        is_end_open = chosen is None or bool(grammar.grammar.ends_piece[chosen].any())
        return weigh(grammar.options(self._row, is_end_open), logits, chosen)

    def _chosen(self) -> np.ndarray | None:
        """Ids that the header leaves at this place, or None where any may stand."""
        if self._rule.header is None:
            return None
        place = len(self.ids) - self._behind_bos
        choices = self._rule.header.choices
        ids = choices[place] if place < len(choices) else None
        return None if ids is None else np.array(ids)


class Noise:
    """Exponentially distributed numbers of one piece; the same for a seed and a number, whatever else is sampled.

    Args:
        seed: of all pieces.
        number: of the piece.
        vocab_size: numbers that each token takes.
    """

    def __init__(self, seed: int, number: int, vocab_size: int):
        self._generator, self._size = np.random.default_rng([seed, number]), vocab_size

    def draw(self) -> Any:
        """(V,) float32."""
        return self._generator.standard_exponential(self._size, dtype=np.float32)

    def uniform(self, count: int) -> np.ndarray:
        """Numbers from 0 to 1, (count,) float64."""
        return self._generator.random(count)
