"""A `LogitsProcessor` that lets a model sample only what its token grammar allows. Knows nothing of Scores.

The state of every sequence is a handful of table rows, so a step costs one gather for the states and one for the
mask, on the device, whatever the size of the batch or of the vocabulary.
"""

import sys

import torch
from transformers import LogitsProcessor

from symbolic_music.events.grammar import FORBIDDEN
from symbolic_music.generation.writing.limits import GrammarError, check_room, check_vocabulary, fitting, not_music
from symbolic_music.tokenization.token_grammar import TokenGrammar


class GrammarLogitsProcessor(LogitsProcessor):
    """Masks every token that the grammar forbids, and steers each sequence to a complete end before a limit.

    One object serves one call of `generate()`; it works with sampling, beams, left padding and prompts. Where a
    minimum length (`min_length`, `min_new_tokens`) masks the end of a piece, the piece goes on for as long as the
    grammar and the limits allow; a `GrammarError` says what contradicts what when nothing is left that may follow.

    Args:
        grammar: the token grammar; that of `MusicProcessor.control` holds to what is asked for.
        max_length: longest sequence in tokens, prompt included; every piece ends by then. A dozen tokens before, the
            shortest way to the end is taken, so that nothing is squeezed in. None sets no limit.
        num_bars: bars of every piece, prompt included: it ends in this bar, unless `max_length` comes first.
    """

    def __init__(self, grammar: TokenGrammar, max_length: int | None = None, num_bars: int | None = None):
        self.grammar = grammar
        self.max_length = max_length
        self.num_bars = num_bars
        self._tables: _Tables | None = None
        self._history = torch.empty(0, 0, dtype=torch.long)
        self._states = torch.empty(0, 0, dtype=torch.long)
        self._bars = torch.empty(0, dtype=torch.long)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:  # type: ignore[override]
        """Scores (B, V) with minus infinity for every token that may not follow `input_ids` (B, T)."""
        if self._tables is None or self._tables.device != scores.device:
            self._tables = _Tables(self.grammar, scores.device)
        self._follow(input_ids)
        forbidden = self._tables.forbidden(self._states)
        remaining = (self.max_length or sys.maxsize) - input_ids.shape[1]
        kept_open = self._tables.is_end_masked(scores)
        finds_ways = self.grammar.completion is not None
        if self.grammar.has_due:
            scores = self._give_to_due(scores)  # type: ignore[assignment]
        closing = self._tables.is_closing(self._states, sys.maxsize if finds_ways else remaining) & ~kept_open
        if self.num_bars is not None and self.grammar.header_names_bars:
            # The header says it, and the grammar keeps to the header.
            forbidden |= self._tables.names_bars & (self._tables.bars_per_token != self.num_bars)
        elif self.num_bars is not None:
            highest = int(self._bars.max())
            if highest == self.num_bars:
                scores = self._end_at_last_bar_line(scores, forbidden)  # type: ignore[assignment]
            self._forbid_outside_bars(forbidden, highest, closing)
        if remaining <= self._tables.longest_way and not finds_ways:
            forbidden |= self._tables.out_of_reach(self._states, remaining, closing)
        if self._tables.has_chords:
            scores = self._keep_chords(scores, forbidden)  # type: ignore[assignment]
        if finds_ways:
            self._forbid_dead_ends(forbidden, None if self.max_length is None else remaining)
        masked = scores.masked_fill(_fit_vocabulary(forbidden, scores.shape[-1]), float("-inf"))
        stuck = masked.amax(dim=1).isneginf()
        if bool(stuck.any()):
            row = int(stuck.nonzero()[0])
            may_end = not bool(forbidden[row, self._tables.end_ids].all())
            raise GrammarError(self._complaint(row, input_ids.shape[1], may_end))
        return masked

    def _complaint(self, row: int, length: int, may_end: bool) -> str:
        """Why nothing may follow a piece of so many tokens, which the grammar would let end or not."""
        assert self._tables is not None
        if not may_end:
            return f"piece {row}: after {length} tokens, other logits processors forbid all that the grammar allows"
        remedy = "lower min_length or min_new_tokens"
        if self.max_length is not None and self.max_length - length <= self._tables.longest_way:
            reason, remedy = f"no more fits under max_length ({self.max_length})", f"{remedy}, or raise max_length"
        elif self.num_bars is not None:
            reason, remedy = f"has its {self.num_bars} bars", f"{remedy}, or ask for more bars"
        else:
            reason = "nothing but its end may follow"
        return f"piece {row} is over after {length} tokens ({reason}), and a minimum length forbids its end: {remedy}"

    def _follow(self, input_ids: torch.Tensor) -> None:
        """Bring the states up to date with `input_ids`, by one token where the sequences are the ones we know."""
        previous = self._history
        if previous.shape[0] and input_ids.shape[1] == previous.shape[1] + 1:
            if input_ids.shape[0] == previous.shape[0] and torch.equal(input_ids[:, :-1], previous):
                self._step(input_ids[:, -1])
                self._history = input_ids
                return
            # Beam search reorders, repeats and drops sequences.
            same = (input_ids[:, None, :-1] == previous[None]).all(dim=2)
            if bool(same.any(dim=1).all()):
                source = same.int().argmax(dim=1)
                self._states, self._bars = self._states[source], self._bars[source]
                self._step(input_ids[:, -1])
                self._history = input_ids
                return
        self._scan(input_ids)
        self._history = input_ids

    def _step(self, tokens: torch.Tensor) -> None:
        assert self._tables is not None
        self._states = self._tables.advance(self._states, tokens)
        if self.num_bars is not None:
            bars = self._bars + self._tables.bars_per_token[tokens]
            self._bars = bars * self._tables.is_alive(self._states)

    def _scan(self, input_ids: torch.Tensor) -> None:
        """States after whole prompts; says which token is wrong, and whether there is room to finish."""
        assert self._tables is not None
        self._states = self._tables.initial_state.repeat(input_ids.shape[0], 1)
        self._bars = torch.zeros(input_ids.shape[0], dtype=torch.long, device=input_ids.device)
        for step in range(input_ids.shape[1]):
            self._step(input_ids[:, step])
            alive = self._tables.is_alive(self._states)
            if not bool(alive.all()):
                row = int((~alive).nonzero()[0])
                raise not_music(self.grammar, row, input_ids[row, : step + 1].tolist())
        states, bars = self._states.cpu().numpy(), self._bars.cpu().numpy()
        check_room(self.grammar, states, bars, input_ids.shape[1], self.max_length, self.num_bars)

    def _give_to_due(self, scores: torch.Tensor) -> torch.Tensor:
        """Give the probability of passing by what is given to what brings it; see `engine.rows`."""
        assert self._tables is not None
        scores = scores.clone()
        for row, state in enumerate(self._states.cpu().numpy()):
            if state[0] == self._tables.broken:
                continue
            passing, brings = (torch.from_numpy(ids).to(scores.device) for ids in self.grammar.passing(state))
            said = scores[row, : len(passing)]
            due, passed = said[brings].float().logsumexp(dim=0), said[passing].float().logsumexp(dim=0)
            if bool(due.isfinite()) and bool(passed.isfinite()):
                said[brings] += (torch.logaddexp(due, passed) - due).to(scores.dtype)
        return scores

    def _end_at_last_bar_line(self, scores: torch.Tensor, forbidden: torch.Tensor) -> torch.Tensor:
        """In the last bar, give the probability of beginning another bar to ending here.

        Only masking it would leave the rest of the distribution, which is noise where the model wants the bar to be
        over: pieces would end in chords of random instruments.
        """
        assert self._tables is not None
        assert self.num_bars is not None
        last = self._bars.eq(self.num_bars)[:, None]
        target, size = self._tables.before_bar, forbidden.shape[1]
        closed = forbidden | scores[:, :size].isneginf()  # a minimum length may mask the end
        crossing = last & (self._tables.bars_per_token > 0) & ~forbidden & ~closed[:, target]
        probabilities = scores[:, :size].float().masked_fill(forbidden, float("-inf")).softmax(dim=1)
        moved = probabilities * crossing
        probabilities = (probabilities - moved).index_add(1, target, moved)
        ending = torch.where(last, probabilities.log().to(scores.dtype), scores[:, :size])
        return torch.cat([ending, scores[:, size:]], dim=1)

    def _keep_chords(self, scores: torch.Tensor, forbidden: torch.Tensor) -> torch.Tensor:
        """Leave the pitches that are added to a note as likely as the model said; the rest share what is left.

        A model that has lost count of a bar wants to move on by a token that no longer fits. Only masking it would
        leave the pitches that may still be added, however unlikely: bars would end in towers of notes.
        """
        assert self._tables is not None
        is_chord, size = self._tables.is_chord, forbidden.shape[1]
        said = scores.float().log_softmax(dim=1)
        said = said.masked_fill(said.isnan(), float("-inf"))  # where others forbid everything
        allowed = said[:, :size].masked_fill(forbidden, float("-inf"))
        chords = allowed.masked_fill(~is_chord, float("-inf")).logsumexp(dim=1)
        others = allowed.masked_fill(is_chord, float("-inf")).logsumexp(dim=1)
        shift = torch.log1p(-chords.exp().clamp(max=1 - 1e-6)) - others
        shift = shift.masked_fill(others.isneginf(), 0.0)[:, None]
        kept = torch.nn.functional.pad(is_chord, (0, said.shape[1] - size), value=True)
        return torch.where(kept, said, said + shift).to(scores.dtype)

    def _forbid_outside_bars(self, forbidden: torch.Tensor, highest: int, closing: torch.Tensor) -> None:
        """Forbid, in place, tokens that would begin a bar too many, or end a piece in an earlier bar than the last.

        Args:
            forbidden: (B, V).
            highest: the most bars that any piece has.
            closing: (B,) whether a piece must end now, in whatever bar.
        """
        assert self._tables is not None
        assert self.num_bars is not None
        if highest + self._tables.most_bars_per_token > self.num_bars:
            forbidden |= self._bars[:, None] + self._tables.bars_per_token > self.num_bars
        forbidden |= self._tables.ends_piece & ((self._bars < self.num_bars) & ~closing)[:, None]

    def _forbid_dead_ends(self, forbidden: torch.Tensor, remaining: int | None) -> None:
        """Forbid, in place, tokens behind which no way is left to a piece that is all that is asked for."""
        assert self._tables is not None
        states = self._states.cpu().numpy()
        for row, state in enumerate(states):
            if state[0] == self._tables.broken:
                continue
            ids = (~forbidden[row]).nonzero()[:, 0]
            left = fitting(self.grammar, state, ids.cpu().numpy(), remaining)
            forbidden[row, ids[torch.from_numpy(~left).to(ids.device)]] = True


class BehindContext(LogitsProcessor):
    """Another processor, which is shown a sequence from a place on.

    Args:
        inner: the other one.
        start: tokens that it does not see.
    """

    def __init__(self, inner: LogitsProcessor, start: int):
        self.inner = inner
        self.start = start

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:  # type: ignore[override]
        """Scores (B, V) behind `input_ids` (B, T)."""
        return self.inner(input_ids[:, self.start :], scores)  # type: ignore[arg-type]


class _Tables:
    """A token grammar on a device.

    Behind its rows is one more, for sequences that broke the grammar. None does by itself; but beam sampling draws a
    fixed number of tokens, and where fewer are allowed it also draws forbidden ones. Such a beam has no probability,
    so it is soon dropped; until then it must neither be followed nor leave a row without any token.
    """

    def __init__(self, grammar: TokenGrammar, device: torch.device):
        def tensor(array):
            return torch.from_numpy(array.copy()).to(device)

        self.device = device
        # Flat, so that a step is one gather; in half the bytes of an index, for track text of 30 lines has 57 million.
        next_state = tensor(grammar.next_state).int()
        self.broken = len(next_state)
        next_state = next_state.masked_fill(next_state == FORBIDDEN, self.broken)
        self.next_state = torch.nn.functional.pad(next_state, (0, 0, 0, 1), value=self.broken).flatten()
        self.num_kinds = grammar.next_state.shape[1]
        self.kinds = tensor(grammar.kinds)
        self.forbidden_rows = torch.nn.functional.pad(~tensor(grammar.allowed_rows), (0, 0, 0, 1), value=False)
        self.initial_state = tensor(grammar.initial_state).long()
        self.bars_per_token = tensor(grammar.bars_per_token)
        self.names_bars = tensor(grammar.says_bars)
        self.is_chord = tensor(grammar.adds_pitch)
        self.has_chords = bool(self.is_chord.any())
        self.most_bars_per_token = int(grammar.bars_per_token.max())
        self.ends_piece = tensor(grammar.ends_piece)
        self.end_ids = self.ends_piece.nonzero()[:, 0]
        self.tokens_to_end = torch.nn.functional.pad(tensor(grammar.tokens_to_end), (0, 1))
        self.counting = grammar.counting
        self.room = grammar.closing_room
        self.longest_way = grammar.longest_way
        self.before_bar = tensor(grammar.before_bar)

    def advance(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """(B, A) states after tokens (B,); all of a sequence that broke the grammar are `broken`."""
        after = self.next_state.take(states * self.num_kinds + self.kinds[tokens, None]).long()
        return after.masked_fill((after == self.broken).any(dim=1, keepdim=True), self.broken)

    def is_alive(self, states: torch.Tensor) -> torch.Tensor:
        """(B,): whether sequences in states (B, A) kept to the grammar."""
        return states[:, 0] != self.broken

    def is_end_masked(self, scores: torch.Tensor) -> torch.Tensor:
        """(B,): whether others, such as a minimum length, forbid the end of a piece in scores (B, V)."""
        return scores.index_select(1, self.end_ids).isneginf().all(dim=1)

    def is_closing(self, states: torch.Tensor, remaining: int) -> torch.Tensor:
        """(B,): whether a piece in states (B, A), with so many tokens to its limit, must take the shortest way now."""
        behind = self.tokens_to_end[states[:, 1:]].sum(dim=1)
        return remaining <= self.room + behind

    def out_of_reach(self, states: torch.Tensor, remaining: int, closing: torch.Tensor) -> torch.Tensor:
        """(B, V): tokens behind which the end lies beyond the limit, and detours of pieces that are closing.

        Padding after the end is no detour. Says nothing of tokens that the grammar forbids.
        """
        rows = states[:, self.counting, None] * self.num_kinds + torch.arange(self.num_kinds, device=self.device)
        after = self.tokens_to_end[self.next_state.take(rows).long()].sum(dim=1)
        detours = after >= self.tokens_to_end[states].sum(dim=1).clamp(min=1)[:, None]
        return self._of_ids((after >= remaining) | detours & closing[:, None])

    def forbidden(self, states: torch.Tensor) -> torch.Tensor:
        """(B, V): what any of the automata forbids in states (B, A), joined row by row: no (B, A, V) is built."""
        if len(states) == 1:  # small enough to build
            return self._of_ids(self.forbidden_rows[states[0]].any(dim=0, keepdim=True))
        forbidden = self.forbidden_rows.index_select(0, states[:, 0])
        for automaton in range(1, states.shape[1]):
            forbidden |= self.forbidden_rows.index_select(0, states[:, automaton])
        return self._of_ids(forbidden)

    def _of_ids(self, table: torch.Tensor) -> torch.Tensor:
        """(B, V) from (B, K)."""
        return table if self.num_kinds == len(self.kinds) else table.index_select(1, self.kinds)


def _fit_vocabulary(forbidden: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """A model's vocabulary may be padded beyond the tokenizer's; nothing there is music."""
    check_vocabulary(vocab_size, forbidden.shape[1])
    missing = vocab_size - forbidden.shape[1]
    return torch.nn.functional.pad(forbidden, (0, missing), value=True) if missing else forbidden
