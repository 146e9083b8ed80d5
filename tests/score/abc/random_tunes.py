"""Random ABC tunes with the notes that they must give, made without any of the package's code."""

from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

KEYS = {
    "C": {}, "G": {"F": 1}, "D": {"F": 1, "C": 1}, "Bb": {"B": -1, "E": -1}, "Ador": {"F": 1}, "Em": {"F": 1},
    "Fmix": {"B": -1, "E": -1}, "Dm^c": {"B": -1, "C": 1},
}  # fmt: skip
METERS = {"4/4": 8, "3/4": 6, "6/8": 6, "2/4": 4, "9/8": 9, "5/8": 5}
"""Meters and how many eighths their bars have."""
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"^": 1, "_": -1, "=": 0, "^^": 2}
Notes = list[tuple[Fraction, Fraction, int]]


@dataclass
class RandomTune:
    """A tune's text, and the onset, duration (quarter notes) and pitch of each note that it plays, by voice."""

    text: str
    voices: list[Notes] = field(default_factory=list)


class _Bars:
    """Writes the bars of one voice in one key."""

    def __init__(self, random: Random, key: str) -> None:
        self.random, self.key, self.held = random, KEYS[key], {}

    def bar(self, eighths: int) -> tuple[str, Notes]:
        """A bar of cells that fill it."""
        self.held, texts, notes, at = {}, [], [], Fraction(0)
        while at < eighths:
            cell = self.random.choice([cell for length, cell in self.cells() if length <= eighths - at])
            text, lasting, sounding = cell()
            texts.append(text)
            notes += [((at + onset) / 2, duration / 2, pitch) for onset, duration, pitch in sounding]
            at += lasting
        return " ".join(texts), notes

    def cells(self):
        return [
            (1, self.note), (1, self.note), (1, self.halves), (1, self.rest), (2, self.long), (2, self.broken),
            (2, self.triplet), (2, self.chord), (3, self.tied), (3, self.dotted), (4, self.quadruple_broken),
        ]  # fmt: skip

    def head(self) -> tuple[str, int]:
        """A note head and its pitch."""
        letter, octave = self.random.choice("CDEFGAB"), self.random.choice([-1, 0, 0, 0, 1, 2])
        accidental = self.random.choice(["", "", "", "", "", "", "^", "_", "=", "^^"])
        if accidental:
            self.held[letter] = _ACCIDENTALS[accidental]
        alteration = self.held.get(letter, self.key.get(letter, 0))
        written = letter + "," if octave < 0 else letter if octave == 0 else letter.lower() + "'" * (octave - 1)
        return accidental + written, 60 + _SEMITONES[letter] + alteration + 12 * octave

    def sounds(self, *durations):
        """Note heads one after the other, each with its place."""
        heads, at = [], Fraction(0)
        for duration in durations:
            text, pitch = self.head()
            heads.append((text, (at, Fraction(duration), pitch)))
            at += Fraction(duration)
        return [text for text, _ in heads], [sound for _, sound in heads]

    def note(self):
        texts, sounds = self.sounds(1)
        return self.random.choice(["", "~", "!trill!", ".", '"^go"', "{g}"]) + texts[0], 1, sounds

    def halves(self):
        texts, sounds = self.sounds("1/2", "1/2")
        return f"{texts[0]}/{texts[1]}1/2", 1, sounds

    def long(self):
        texts, sounds = self.sounds(2)
        return f"{texts[0]}2", 2, sounds

    def dotted(self):
        texts, sounds = self.sounds("5/2", "1/2")
        return f"({texts[0]}5/2 {texts[1]}/)", 3, sounds

    def rest(self):
        return self.random.choice(["z", "x", "z/ z/"]), 1, []

    def broken(self):
        if self.random.random() < 0.5:
            texts, sounds = self.sounds("3/2", "1/2")
            return f"{texts[0]}>{texts[1]}", 2, sounds
        texts, sounds = self.sounds("1/4", "7/4")
        return f"{texts[0]}<<{texts[1]}", 2, sounds

    def quadruple_broken(self):
        texts, sounds = self.sounds("3", "1")
        return f"{texts[0]}2>{texts[1]}2", 4, sounds

    def triplet(self):
        texts, sounds = self.sounds("2/3", "2/3", "2/3")
        return self.random.choice(["(3", "(3:2", "(3::", "(3:2:3"]) + "".join(texts), 2, sounds

    def chord(self):
        heads = {}
        for _ in range(3):
            held = dict(self.held)
            text, pitch = self.head()
            if pitch in heads:
                self.held = held  # what is not written does not hold
            else:
                heads[pitch] = text
        return f"[{''.join(heads.values())}]2", 2, [(Fraction(0), Fraction(2), pitch) for pitch in heads]

    def tied(self):
        text, pitch = self.head()
        return f"{text}2-{text.lstrip('^_=')}", 3, [(Fraction(0), Fraction(3), pitch)]


def random_tune(seed: int) -> RandomTune:
    """A tune of one to three voices, with an upbeat or not, sections that repeat, and voltas."""
    random = Random(seed)
    key, meter = random.choice(list(KEYS)), random.choice(list(METERS))
    eighths, num_voices = METERS[meter], random.choice([1, 1, 2, 3])
    upbeat = random.choice([0, 0, 1, 2]) % eighths
    sections = [random.choice(["plain", "repeat", "voltas", "thrice"]) for _ in range(random.randint(1, 3))]
    sizes = [random.randint(1, 3) for _ in sections]
    tune = RandomTune(f"X:1\nT:Random {seed}\nM:{meter}\nL:1/8\nK:{key}\n")
    for number in range(num_voices):
        bars = _Bars(random, key)
        text, notes = _voice(bars, eighths, upbeat, sections, sizes)
        tune.text += (f"V:{number + 1}\n" if num_voices > 1 else "") + text
        tune.voices.append(notes)
    return tune


def _voice(bars: _Bars, eighths: int, upbeat: int, sections: list[str], sizes: list[int]) -> tuple[str, Notes]:
    texts, played, at = [], [], Fraction(0)

    def play(order):
        nonlocal at
        for _, notes in order:
            played.extend((at + onset, duration, pitch) for onset, duration, pitch in notes)
            at += Fraction(eighths, 2)

    if upbeat:
        text, notes = bars.bar(upbeat)
        texts.append(text + "|")
        played += [(Fraction(eighths - upbeat, 2) + onset, duration, pitch) for onset, duration, pitch in notes]
        at = Fraction(eighths, 2)
    for section, size in zip(sections, sizes, strict=True):
        body = [bars.bar(eighths) for _ in range(size)]
        written = "|".join(text for text, _ in body)
        if section == "plain":
            texts.append(f"{written}||")
            play(body)
        elif section == "repeat":
            texts.append(f"|:{written}:|")
            play(body * 2)
        elif section == "thrice":
            texts.append(f"|::{written}::|")
            play(body * 3)
        else:
            first, second = bars.bar(eighths), bars.bar(eighths)
            texts.append(f"|:{written}|1 {first[0]}:|2 {second[0]}||")
            play([*body, first, *body, second])
    return "\n".join(texts) + "\n", played
