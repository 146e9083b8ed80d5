"""What may follow in one sequence, and how likely each of it is: a token grammar stepped row by row, in numpy.

`GrammarLogitsProcessor` says the same for a batch on any device, in operations whose number doesn't grow with the
batch. On a CPU each of them costs more than all the work of a single sequence, so here the ids that may follow are
found once for all states that allow the same, and kept: a step then looks at these few and at no others.
"""

from dataclasses import dataclass

import numpy as np

from symbolic_music.events.completion import Completion
from symbolic_music.generation.writing.limits import GrammarError, check_room, fitting, most_needed, not_music
from symbolic_music.tokenization.token_grammar import TokenGrammar

# What is kept may take so many bytes.
_MOST_BYTES = 64 * 2**20
_NONE = np.zeros(0, np.int64)


@dataclass
class Row:
    """One sequence.

    Attributes:
        states: (A,) rows of the grammar's tables.
        length: tokens.
        bars: begun.
    """

    states: np.ndarray
    length: int
    bars: int


@dataclass(frozen=True)
class Options:
    """What may follow, whatever the model says.

    Attributes:
        ids: (N,) that the automata allow.
        open: (N,) bool, those that limits and bars allow too; None when they allow all.
        chords: (N,) bool, those that add a pitch to a note; None when there are none.
        crossing: of `ids`, in the last bar, those that would begin another.
        stops: of `ids`, for each of `crossing` the one that ends before.
        passing: ids that would pass by what is given (see `TokenGrammar.passing`).
        due: (N,) bool, those of `ids` that bring it and get their probability; None where there are none.
    """

    ids: np.ndarray
    open: np.ndarray | None
    chords: np.ndarray | None
    crossing: np.ndarray
    stops: np.ndarray
    passing: np.ndarray
    due: np.ndarray | None

    @property
    def num_bytes(self) -> int:
        """Of memory."""
        return sum(array.nbytes for array in vars(self).values() if array is not None)


class RowGrammar:
    """Follows sequences one by one; arguments and meaning are `GrammarLogitsProcessor`'s.

    Args:
        grammar: the token grammar.
        max_length: longest sequence in tokens, or None.
        num_bars: of every piece, or None.
    """

    def __init__(self, grammar: TokenGrammar, max_length: int | None = None, num_bars: int | None = None):
        self.grammar, self.max_length, self.num_bars = grammar, max_length, num_bars
        self._counts_bars = num_bars is not None and not grammar.header_names_bars
        self._most_bars = int(grammar.bars_per_token.max())
        self._unasked = None
        if num_bars is not None and grammar.header_names_bars:
            self._unasked = grammar.says_bars & (grammar.bars_per_token != num_bars)
        self._by_bars: dict[tuple[int | None, bool], np.ndarray] = {}
        self._kept: dict[tuple, Options] = {}
        self._bytes = 0

    def begin(self, ids: list[int], number: int = 0) -> Row:
        """A sequence behind a prompt, which has a number in what is raised.

        Raises:
            GrammarError: when the prompt is not music, or leaves no room for a piece.
        """
        row = Row(self.grammar.initial_state, 0, 0)
        for place, token in enumerate(ids):
            if not self.advance(row, token):
                raise not_music(self.grammar, number, ids[: place + 1])
        check_room(self.grammar, row.states[None], np.array([row.bars]), row.length, self.max_length, self.num_bars)
        return row

    def advance(self, row: Row, token: int) -> bool:
        """Follow a sequence by one token; returns whether the grammar allows it."""
        self._move(row, token, self._after(row, token))
        return bool((row.states >= 0).all())

    def take(self, row: Row, token: int) -> bool:
        """Follow a sequence by a token that the automata allow, if a way to a complete piece that fits is left then.

        Returns:
            Whether there is one; else the sequence stays as it is.
        """
        after = self._after(row, token)
        fits = self.grammar.completion is None or self._fits(self.grammar.completion, row, after)
        if fits:
            self._move(row, token, after)
        return fits

    def _after(self, row: Row, token: int) -> np.ndarray:
        return self.grammar.next_state[row.states, self.grammar.kinds[token]]

    def _move(self, row: Row, token: int, states: np.ndarray) -> None:
        row.states = states
        row.length += 1
        if self._counts_bars:
            row.bars += int(self.grammar.bars_per_token[token])

    def _fits(self, completion: Completion, row: Row, after: np.ndarray) -> bool:
        """Whether a sequence has a way to a complete piece that fits, in the states behind its next token."""
        remaining, state = self._remaining(row), completion.key(after)
        if remaining is None:
            return completion.within(state)
        if completion.within(state, remaining - self.grammar.closing_room - 1):
            return True
        return completion.within(state, most_needed(self.grammar, completion, row.states, remaining))

    def options(self, row: Row, is_end_open: bool = True) -> Options:
        """What may follow a sequence.

        Args:
            row: the sequence.
            is_end_open: whether nothing else forbids the end of the piece.
        """
        remaining = self._remaining(row)
        if self.grammar.completion is not None or (remaining is not None and remaining > self.grammar.longest_way):
            remaining = None  # `take` and `fitting` say it, or there is room for any way
        missing = min(self.num_bars - row.bars, self._most_bars) if self._counts_bars else None  # type: ignore[operator]
        # States hardly come again where much is asked for; what they allow does.
        kinds = self.grammar.allowed_kinds(row.states)
        # Near the end of the room, and where something that is given is due, the states themselves count.
        by_state = row.states.tobytes() if remaining is not None or self.grammar.has_due else None
        key = (kinds.tobytes(), by_state, remaining, missing, is_end_open)
        if key not in self._kept:
            if self._bytes > _MOST_BYTES:
                self._kept.clear()
                self._bytes = 0
            self._kept[key] = self._find(row.states, kinds, remaining, missing, is_end_open)
            self._bytes += self._kept[key].num_bytes
        return self._kept[key]

    def fitting(self, row: Row, ids: np.ndarray) -> np.ndarray:
        """Which of some tokens (n,) leave a sequence a way to a complete piece that fits, (n,) bool."""
        return fitting(self.grammar, row.states, ids, self._remaining(row))

    def _remaining(self, row: Row) -> int | None:
        return None if self.max_length is None else self.max_length - row.length

    def _find(
        self, states: np.ndarray, kinds: np.ndarray, remaining: int | None, missing: int | None, is_end_open: bool
    ) -> Options:
        grammar = self.grammar
        ids = grammar.ids_of(kinds)
        closing = False
        if remaining is not None and is_end_open:
            closing = remaining <= grammar.closing_room + int(grammar.tokens_to_end[states[1:]].sum())
        inside = self._within(missing, closing)[ids]
        if remaining is not None:
            inside &= ~self._out_of_reach(states, remaining, closing)[ids]
        crossing = stops = _NONE
        if missing == 0:
            crosses = (grammar.bars_per_token[ids] > 0) & np.isin(grammar.before_bar[ids], ids)
            crossing = crosses.nonzero()[0]
            stops = np.searchsorted(ids, grammar.before_bar[ids[crossing]])
        chords = grammar.adds_pitch[ids]
        passes, due = _NONE, None
        if grammar.has_due:
            passing, brings = grammar.passing(states)
            if (brings[ids] & inside).any() and passing.any():
                passes, due = passing.nonzero()[0], brings[ids] & inside
        return Options(
            ids,
            None if inside.all() else inside,
            chords if (chords & inside).any() else None,
            crossing,
            stops,
            passes,
            due,
        )

    def _within(self, missing: int | None, closing: bool) -> np.ndarray:
        """(V,) bool: tokens that bars allow, of which some are missing, to a piece that is closing or not."""
        if (missing, closing) not in self._by_bars:
            grammar = self.grammar
            within = np.ones(grammar.vocab_size, bool) if self._unasked is None else ~self._unasked
            if missing is not None:
                within &= grammar.bars_per_token <= missing
                if missing > 0 and not closing:
                    within &= ~grammar.ends_piece
            self._by_bars[missing, closing] = within
        return self._by_bars[missing, closing]

    def _out_of_reach(self, states: np.ndarray, remaining: int, closing: bool) -> np.ndarray:
        """(V,): tokens behind which the end lies beyond the limit, and detours of a piece that is closing."""
        after = self.grammar.to_end_after(states[None])[0]
        far = after >= remaining
        return far | (after >= max(int(self.grammar.to_end(states)), 1)) if closing else far


def weigh(options: Options, logits: np.ndarray, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """What may follow, with scores: ids (N,) and float32 (N,), to which a constant may be added.

    Args:
        options: what may follow.
        logits: (V,) of the model.
        chosen: ids besides which something else forbids all; None forbids none.

    Raises:
        GrammarError: when nothing is left.
    """
    ids, scores, kept = options.ids, logits[options.ids], options.open
    total: float | None = None
    if chosen is not None:
        is_chosen = np.isin(ids, chosen)
        scores = np.where(is_chosen, scores, np.float32(-np.inf))
        kept = is_chosen if kept is None else kept & is_chosen
    if options.due is not None:
        scores = _give_to_due(options, scores, logits, chosen)
    if len(options.crossing):
        scores, total = _stop_at_bar_line(options, scores), 0.0
    if options.chords is not None:
        if total is None:
            total = _log_sum(logits if chosen is None else logits[chosen])
        scores = _keep_chords(scores, options.chords, kept, total)
    if kept is None:
        return ids, scores
    ids, scores = ids[kept], scores[kept]
    if not len(ids):
        raise GrammarError("what is asked for forbids all that the grammar allows")
    return ids, scores


def _give_to_due(options: Options, scores: np.ndarray, logits: np.ndarray, chosen: np.ndarray | None) -> np.ndarray:
    """Give the probability of passing by what is given to what brings it.

    Only masking it would leave the rest, which is noise where the model is done with an onset: notes would be piled up
    before each that is given.
    """
    assert options.due is not None
    passing = options.passing if chosen is None else np.intersect1d(options.passing, chosen)
    due = _log_sum(scores[options.due])
    if not len(passing) or not np.isfinite(due):
        return scores
    shift = np.float32(np.logaddexp(due, _log_sum(logits[passing])) - due)
    return np.where(options.due, scores + shift, scores)


def _stop_at_bar_line(options: Options, scores: np.ndarray) -> np.ndarray:
    """In the last bar, give the probability of beginning another to ending here; returns logarithms."""
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    moved = probabilities[options.crossing]
    probabilities[options.crossing] = 0
    np.add.at(probabilities, options.stops, moved)
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def _keep_chords(scores: np.ndarray, is_chord: np.ndarray, kept: np.ndarray | None, total: float) -> np.ndarray:
    """Leave pitches that are added to a note as likely as the model said; what else may follow shares the rest."""
    inside = is_chord if kept is None else is_chord & kept
    others = ~is_chord if kept is None else ~is_chord & kept
    if not others.any():
        return scores
    chords = float(np.exp(_log_sum(scores[inside]) - total)) if inside.any() else 0.0
    shift = np.log1p(-min(chords, 1 - 1e-6)) - (_log_sum(scores[others]) - total)
    return np.where(is_chord, scores, scores + np.float32(shift))


def _log_sum(scores: np.ndarray) -> float:
    """The logarithm of a sum of exponentials."""
    most = scores.max()
    if not np.isfinite(most):
        return float("-inf")
    return float(most + np.log(np.exp(scores - most).sum()))
