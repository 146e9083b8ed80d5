"""Pieces that are what was asked for, as likely as free ones that happen to be: sequential Monte Carlo over bars.

A mask lets nothing follow but what obeys, however unlikely the model finds all of that. So masked pieces are not those
that the model would write if of its free pieces only the ones that obey were kept, p(x | obeys): they are forced into
what it did not prepare. Here several particles write a piece side by side, and each is weighed by how much of the
model's probability the masks left it. Where bars begin and the weights have become uneven, particles are drawn anew by
them, so that those which were forced make way for copies of others; at last one is drawn by its weight. The more there
are, the nearer a piece is to p(x | obeys), but for a reward for length: see `Population`.

Lew, Zhi-Xuan, Grand & Mansinghka, "Sequential Monte Carlo Steering of Large Language Models using Probabilistic
Programs", 2023; Loula et al., "Syntactic and Semantic Control of Large Language Models via Sequential Monte Carlo",
2025.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from symbolic_music.generation.engine.decoder import Decoder, Reading
from symbolic_music.generation.engine.draw import Exponentials
from symbolic_music.generation.engine.many import LastRead
from symbolic_music.generation.engine.pieces import Noise, Piece, Rule
from symbolic_music.generation.engine.resampling import effective_sample_size, log_mean, shares, systematic
from symbolic_music.generation.engine.rows import RowGrammar, weigh

# So many tokens are tried to see whether any leaves no way to an end; if one does, this part of all is looked through.
_PROBES = 8
_LOOKED_THROUGH = 0.999
# At a bar line, particles are drawn anew when the effective sample size is less than this part of their number.
_EVEN = 0.5


class Particle(Piece):
    """A piece as it is being written, weighed.

    A token x multiplies the weight by p(x) / q(x): p is the model at the temperature under the grammar alone, q the
    same under all that is asked for. Where nothing but masks stand between them, that is the share of p that they
    leave open. Top-p, which cuts what is drawn and belongs to how the model is sampled, counts for neither.

    Args:
        rule: it is written by; with a grammar.
        prompt: ids that are given.
        noise: numbers drawn for it alone.
        free: says what may follow where nothing is asked for.

    Attributes:
        log_weight: the logarithm of its weight, by all its tokens.
        num_tokens: written behind the prompt.
    """

    def __init__(self, rule: Rule, prompt: list[int], noise: Noise, free: RowGrammar):
        super().__init__(rule, prompt, noise)
        self._free, self._free_row = free, free.begin(self.ids[rule.start :])
        self.log_weight, self.num_tokens = 0.0, 0

    def copy(self, noise: Noise) -> "Particle":
        """Another that goes on from here, with numbers of its own."""
        other = object.__new__(Particle)
        vars(other).update(vars(self))
        assert self._row is not None
        other.ids, other._noise = list(self.ids), noise
        other._row, other._free_row = replace(self._row), replace(self._free_row)
        return other

    @property
    def noise(self) -> Noise:
        """The numbers that are drawn for it."""
        assert self._noise is not None
        return self._noise

    def take(self, logits: np.ndarray, noise: Exponentials | None = None) -> int:
        """Go on by one token, and be weighed anew; see `Piece.take`."""
        noise, draw = self.noise.draw(), self._rule.draw
        ids, scores = self._options(logits)
        asked = draw.log_probabilities(scores)
        share = self._share_with_end(ids, np.exp(asked))
        token = self._choose(ids, scores, noise)
        self.ids.append(token)
        free_ids, free_scores = weigh(self._free.options(self._free_row), logits)
        free = draw.log_probabilities(free_scores)
        self._free.advance(self._free_row, token)
        said = free[np.searchsorted(free_ids, token)] - asked[np.searchsorted(ids, token)]
        self.log_weight += float(said + np.log(share))
        self.num_tokens += 1
        return token

    def _share_with_end(self, ids: np.ndarray, probabilities: np.ndarray) -> float:
        """The part of what the automata allow that leaves a way to an end, right on average: seldom all is looked at.

        Weights may be random if they are right on average (Fearnhead, Papaspiliopoulos & Roberts, "Particle filters
        for partially observed diffusions", 2008). Let Z be the part. When k tokens that are drawn for this alone all
        leave a way, which they do with probability Z^k, it is taken for 1; else it is found and (Z - Z^k) / (1 - Z^k)
        taken: on average, Z.

        Args:
            ids: (N,) tokens that the automata allow.
            probabilities: (N,) of each.
        """
        grammar, row = self._rule.grammar, self._row
        assert grammar is not None
        assert row is not None
        if grammar.grammar.completion is None:
            return 1.0
        sums = probabilities.cumsum()
        places = np.searchsorted(sums, self.noise.uniform(_PROBES) * sums[-1], side="right")
        if grammar.fitting(row, ids[np.minimum(places, len(ids) - 1)]).all():
            return 1.0
        order = (-probabilities).argsort()
        head = order[: int(np.searchsorted(probabilities[order].cumsum(), _LOOKED_THROUGH * sums[-1])) + 1]
        kept = probabilities[head][grammar.fitting(row, ids[head])].sum() / probabilities[head].sum()
        if not kept:  # there are few ways, or none: then the choice says so
            kept = max(probabilities[grammar.fitting(row, ids)].sum() / sums[-1], np.finfo(float).tiny)
        passed = kept**_PROBES
        return float((kept - passed) / (1 - passed)) if passed < 1 else 1.0


class Population:
    """The particles of one piece.

    Nearly every token loses some weight to the masks, so that of the pieces that obey the short ones weigh most:
    p(x | obeys) has fewer notes than what the masks alone bring. A reward for length, as beam search knows it (Wu et
    al., "Google's Neural Machine Translation System", 2016), gives a part of the mean loss back with each token. Among
    pieces of one length a constant reward changes nothing.

    Args:
        particles: at least one, alike but for their numbers.
        draws: for what is drawn of all particles together.
        length_reward: the part of the mean loss of a token, over all particles, that each token gets back; 0 leads to
            p(x | obeys), 1 weighs particles by their loss by token against the mean.

    Attributes:
        particles: all of them, each with the numbers of its place.
    """

    def __init__(self, particles: list[Particle], draws: np.random.Generator, length_reward: float = 0.0):
        self.particles, self._draws, self._reward = particles, draws, length_reward
        # When particles were last drawn anew: what they weighed, their tokens, and the evidence up to there.
        self._weighed, self._counted = np.zeros(len(particles)), np.zeros(len(particles))
        self._evidence = 0.0
        # By particle that waits, what was read of it; None for one that is over.
        self._resting: dict[int, Reading | None] = {}

    @property
    def log_weights(self) -> np.ndarray:
        """(N,) logarithms of weights since particles were last drawn anew."""
        weights, tokens = self._so_far()
        mean = weights.sum() / max(tokens.sum(), 1)
        return weights - self._weighed - self._reward * mean * (tokens - self._counted)

    def _so_far(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) logarithms of weights by all tokens, and (N,) tokens."""
        return (
            np.array([particle.log_weight for particle in self.particles]),
            np.array([particle.num_tokens for particle in self.particles]),
        )

    @property
    def log_evidence(self) -> float:
        """Without a reward, the log of an estimate, right on average, of the model's probability of what is asked."""
        return self._evidence + log_mean(self.log_weights)

    def rest(self, number: int, reading: Reading | None) -> None:
        """Let a particle wait for the others, at a bar line with what was read, or at its end without."""
        self._resting[number] = reading

    @property
    def rests(self) -> bool:
        """Whether all particles wait."""
        return len(self._resting) == len(self.particles)

    def go_on(self) -> list[tuple[int, Reading]]:
        """Those that go on, by number, with what was read of each; drawn anew where their weights are uneven."""
        if any(reading is not None for reading in self._resting.values()):
            self._resample()
        going = [(number, reading) for number, reading in sorted(self._resting.items()) if reading is not None]
        for number, _ in going:
            del self._resting[number]
        return going

    def _resample(self) -> None:
        weights = self.log_weights
        if effective_sample_size(weights) >= _EVEN * len(weights):
            return
        taken = systematic(weights, self._draws.random()).tolist()
        self.particles = [
            self.particles[source].copy(own.noise) for source, own in zip(taken, self.particles, strict=True)
        ]
        self._resting = {number: self._resting[source] for number, source in enumerate(taken)}
        self._evidence += log_mean(weights)
        self._weighed, self._counted = self._so_far()

    def draw(self) -> Particle:
        """One of them by its weight."""
        return self.particles[self._draws.choice(len(self.particles), p=shares(self.log_weights))]


def write_populations(
    decoder: Decoder,
    populations: Iterable[Population],
    at_once: int,
    size: int,
    begins_bar: np.ndarray,
    max_length: int,
    eos: int,
) -> Iterator[tuple[int, Population]]:
    """Write populations to the ends of all their particles.

    Args:
        decoder: of the model.
        populations: begun ones, in the order that they are to begin in; taken one by one.
        at_once: populations that are written at once.
        size: particles of each.
        begins_bar: (V,) bool, the ids behind which a particle waits for the others.
        max_length: longest sequence in tokens.
        eos: the id that ends a piece.

    Yields:
        Numbers of populations, from 0, and the populations, as they end.

    Raises:
        GrammarError: when nothing may follow in one particle.
    """
    decoder.open(at_once * size)
    writing = _Writing(decoder, begins_bar, max_length, eos)
    waiting, last_read = iter(enumerate(populations)), LastRead(decoder)
    begun: dict[int, Population] = {}
    while True:
        while len(begun) < at_once and (entry := next(waiting, None)):
            number, population = entry
            begun[number] = population
            reading = last_read.reading(population.particles[0].ids)
            for place in range(size):
                writing.begin(population, place, reading)
        if not begun:
            return
        writing.step()
        for number, population in [entry for entry in begun.items() if entry[1].rests]:
            going = population.go_on()
            for place, reading in going:
                writing.begin(population, place, reading)
            if not going:
                yield number, begun.pop(number)


class _Writing:
    """Particles that are being written, of any population, at the first places of a decoder."""

    def __init__(self, decoder: Decoder, begins_bar: np.ndarray, max_length: int, eos: int):
        self._decoder, self._begins_bar, self._max_length, self._eos = decoder, begins_bar, max_length, eos
        self._entries: list[tuple[Population, int]] = []

    def begin(self, population: Population, number: int, reading: Reading) -> None:
        """Let a particle of a population go on behind what was read."""
        if self._goes_on(population.particles[number], reading.logits):
            self._decoder.put(len(self._entries), reading)
            self._entries.append((population, number))
        else:
            population.rest(number, None)

    def step(self) -> None:
        """Let all go on by one token, but for those at a bar line, which wait from now on."""
        if not self._entries:
            return
        tokens = [population.particles[number].ids[-1] for population, number in self._entries]
        logits = self._decoder.step(np.array(tokens))
        stopped: list[int] = []
        for place, (population, number) in enumerate(self._entries):
            if self._begins_bar[tokens[place]]:
                population.rest(number, self._decoder.keep(place, logits[place]))
                stopped.append(place)
            elif not self._goes_on(population.particles[number], logits[place]):
                population.rest(number, None)
                stopped.append(place)
        for place in reversed(stopped):
            last = self._entries.pop()
            if place < len(self._entries):
                self._decoder.move(len(self._entries), place)
                self._entries[place] = last

    def _goes_on(self, particle: Particle, logits: np.ndarray) -> bool:
        """Write a particle's next token; whether another comes."""
        return particle.take(logits) != self._eos and len(particle.ids) < self._max_length
