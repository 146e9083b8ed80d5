"""Which General MIDI program or drum a part or a note of a written score sounds like, where the file gives no number.

Sounds are MusicXML's own ("strings.violin", sounds.xml of MusicXML 4.0); names are those of scores in English, German,
French and Italian. The drums' names are General MIDI's key names, and their places on the staff those of the
Percussive Arts Society (N. Weinberg, Guide to Standardized Drumset Notation). Knows nothing of XML.
"""

import re
import unicodedata
from functools import lru_cache

_PROGRAMS_OF_SOUNDS = {
    # Longest first wherever one begins with another; "keyboard.piano.grand" is a piano.
    "keyboard.piano.electric": 4,
    "keyboard.piano": 0,
    "keyboard.harpsichord": 6,
    "keyboard.clavichord": 7,
    "keyboard.celesta": 8,
    "keyboard.organ.reed": 20,
    "keyboard.organ.drawbar": 16,
    "keyboard.organ.percussive": 17,
    "keyboard.organ.rotary": 18,
    "keyboard.organ": 19,
    "keyboard.harmonium": 20,
    "keyboard.accordion": 21,
    "keyboard.bandoneon": 23,
    "pitched-percussion.celesta": 8,
    "pitched-percussion.glockenspiel": 9,
    "pitched-percussion.music-box": 10,
    "pitched-percussion.vibraphone": 11,
    "pitched-percussion.marimba": 12,
    "pitched-percussion.xylophone": 13,
    "pitched-percussion.tubular-bells": 14,
    "pitched-percussion.hammer-dulcimer": 15,
    "drum.timpani": 47,
    "pluck.guitar.acoustic": 24,
    "pluck.guitar.nylon-string": 24,
    "pluck.guitar.steel-string": 25,
    "pluck.guitar.electric": 27,
    "pluck.guitar": 24,
    "pluck.bass.acoustic": 32,
    "pluck.bass.fretless": 35,
    "pluck.bass": 33,
    "pluck.harp": 46,
    "pluck.banjo": 105,
    "pluck.sitar": 104,
    "pluck.shamisen": 106,
    "pluck.koto": 107,
    "pluck": 24,
    "strings.violin": 40,
    "strings.viola": 41,
    "strings.cello": 42,
    "strings.violoncello": 42,
    "strings.contrabass": 43,
    "strings.group": 48,
    "strings.viol": 41,
    "strings": 48,
    "voice.synth": 54,
    "voice.vocals": 53,
    "voice": 52,
    "brass.trumpet": 56,
    "brass.cornet": 56,
    "brass.trombone": 57,
    "brass.tuba": 58,
    "brass.french-horn": 60,
    "brass.natural-horn": 60,
    "brass": 61,
    "wind.reed.saxophone.soprano": 64,
    "wind.reed.saxophone.alto": 65,
    "wind.reed.saxophone.tenor": 66,
    "wind.reed.saxophone.baritone": 67,
    "wind.reed.saxophone": 65,
    "wind.reed.oboe": 68,
    "wind.reed.english-horn": 69,
    "wind.reed.bassoon": 70,
    "wind.reed.contrabassoon": 70,
    "wind.reed.clarinet": 71,
    "wind.reed.basset-horn": 71,
    "wind.reed.harmonica": 22,
    "wind.reed": 68,
    "wind.flutes.flute.piccolo": 72,
    "wind.flutes.flute": 73,
    "wind.flutes.recorder": 74,
    "wind.flutes.panpipes": 75,
    "wind.flutes.whistle": 78,
    "wind.flutes.ocarina": 79,
    "wind.flutes": 73,
    "wind.pipes.bagpipes": 109,
    "wind": 73,
    "synth.effects": 96,
    "synth.pad": 88,
    "synth": 80,
}
_PROGRAMS_OF_NAMES = (
    # The first pattern that is found in a name counts, so that "bass clarinet" is no bass.
    (r"bass ?clar|bassklar|clarin|klarin|\bcl\b", 71),
    (r"piccolo|petite fl|ottavino", 72),
    (r"recorder|blockfl|flauto dolce|fl[uû]te [aà] bec", 74),
    (r"fl[uöûo]t|flaut|\bfl\b", 73),
    (r"cor anglais|english horn|englischhorn|corno inglese", 69),
    (r"oboe|hautbois|hoboe|\bob\b", 68),
    (r"contrafagot|contrabasso+n|kontrafagott|bassoon|fagot|basson|dulcian", 70),
    (r"sopr\w* sax", 64),
    (r"ten\w* sax", 66),
    (r"bar\w* sax", 67),
    (r"sax", 65),
    (r"trumpet|trompet|tromba\b|trombe\b|cornet|clarino|cornett", 56),
    (r"trombon|posaune|sackbut", 57),
    (r"tuba|ophicl", 58),
    (r"\bhorn|\bcor\b|\bcors\b|corni\b|corno\b|h[oö]rner", 60),
    (r"timpan|pauken|timbales", 47),
    (r"glockenspiel|campanelli", 9),
    (r"xylophon|silofono", 13),
    (r"vibraphon", 11),
    (r"marimba", 12),
    (r"tubular|chimes|glocken|campane", 14),
    (r"celest", 8),
    (r"harpsi|cembalo|clavecin|cembali", 6),
    (r"clavichord", 7),
    (r"harmonium|reed organ", 20),
    (r"organ|orgel|orgue|organo", 19),
    (r"accordion|akkordeon|bandoneon", 21),
    (r"electric piano|rhodes|e-piano", 4),
    (r"piano|pianoforte|klavier|keyboard|clavier|\bpno\b|\bkl\b", 0),
    (r"\bharp|harfe|harpe|\barpa", 46),
    (r"lute|laute|luth|liuto|theorb|tiorba|vihuela", 24),
    (r"electric bass|bass guitar|e-bass", 33),
    (r"electric guitar|e-guitar|e-gitarre", 27),
    (r"guitar|gitarr|chitarra", 24),
    (r"banjo", 105),
    (r"mandolin", 25),
    (r"contrabass|kontrabass|contreb|double bass|violone|contrabbass|\bcb\b|string bass", 43),
    (r"cello|violonc|\bvc\b|\bvlc\b", 42),
    (r"viola da gamba|\bviol\b|gamba", 42),
    (r"viola|bratsche|\balto\b(?=.*str)|\bvla\b|\bvle\b", 41),
    (r"violin|violon\b|geige|\bvln?\b|\bvn\b|fiddle", 40),
    (r"strings|streicher|archi\b|cordes", 48),
    (r"soprano|alto|tenor|baritone?|\bbasso?\b|voice|vocal|voix|voce|canto|cantus|altus|bassus|gesang|singstimme", 52),
    (r"choir|chorus|chor\b|coro\b|choeur|s\.a\.t\.b|satb|mezzo|sopran|discant|superius|quintus|melody|sängerin", 52),
    (r"\bbass\b", 32),
    (r"ukulele", 24),
    (r"whistle", 78),
    (r"bagpipe|dudelsack", 109),
    (r"harmonica|mundharmonika", 22),
)
_COMPILED = tuple((re.compile(pattern), program) for pattern, program in _PROGRAMS_OF_NAMES)
_DRUM_PART = re.compile(r"drum|percussion|schlagzeug|batterie|batteria|perc\b|kit\b")

_KEYS_OF_DRUMS = (
    (r"acoustic bass drum", 35),
    (r"bass drum|kick|gran cassa|grosse caisse|gro(ss|ß)e trommel", 36),
    (r"side stick|cross ?stick|rim ?shot", 37),
    (r"electric snare", 40),
    (r"snare|side drum|caisse claire|kleine trommel|tamburo", 38),
    (r"hand clap|clap", 39),
    (r"pedal hi-?hat|hi-?hat.*(pedal|foot)", 44),
    (r"open hi-?hat|hi-?hat.*open", 46),
    (r"hi-?hat", 42),
    (r"low floor tom", 41),
    (r"high floor tom|floor tom", 43),
    (r"low tom", 45),
    (r"low-mid tom", 47),
    (r"hi(gh)?-mid tom", 48),
    (r"high tom", 50),
    (r"tom", 47),
    (r"ride bell", 53),
    (r"ride", 51),
    (r"splash", 55),
    (r"china|chinese", 52),
    (r"crash|cymbal|piatti|becken|cymbales", 49),
    (r"tambourin|tamburin", 54),
    (r"cowbell", 56),
    (r"vibraslap", 58),
    (r"(mute|closed) triangle", 80),
    (r"triang", 81),
    (r"high bongo", 60),
    (r"bongo", 61),
    (r"mute high conga", 62),
    (r"open high conga", 63),
    (r"conga", 64),
    (r"timbale", 65),
    (r"agogo", 67),
    (r"cabasa", 69),
    (r"maraca|shaker", 70),
    (r"guiro", 73),
    (r"clave", 75),
    (r"wood ?block|temple block", 76),
    (r"cuica", 79),
    (r"whistle", 71),
    (r"tam-?tam|gong", 49),
)
_COMPILED_DRUMS = tuple((re.compile(pattern), key) for pattern, key in _KEYS_OF_DRUMS)
_KEYS_OF_PLACES = {
    ("D", 4): 44,
    ("E", 4): 35,
    ("F", 4): 36,
    ("G", 4): 41,
    ("A", 4): 43,
    ("B", 4): 45,
    ("C", 5): 38,
    ("D", 5): 47,
    ("E", 5): 50,
    ("F", 5): 51,
    ("G", 5): 42,
    ("A", 5): 49,
    ("B", 5): 55,
}
BOWED_STRINGS = range(40, 45)
PIZZICATO = 45


def program_of_sound(sound: str) -> int | None:
    """The program of one of MusicXML's sounds; None where none is like it."""
    parts = sound.strip().lower().split(".")
    for length in range(len(parts), 0, -1):
        program = _PROGRAMS_OF_SOUNDS.get(".".join(parts[:length]))
        if program is not None:
            return program
    return None


@lru_cache(maxsize=2**12)
def program_of_name(name: str) -> int | None:
    """The program of a part's or an instrument's name; None where it says nothing."""
    plain = unicodedata.normalize("NFC", name).casefold()
    return next((program for pattern, program in _COMPILED if pattern.search(plain)), None)


def is_drum_part(name: str) -> bool:
    """Whether a name is that of a drum set or of percussion without pitch."""
    return bool(_DRUM_PART.search(name.casefold()))


def drum_of_name(name: str) -> int | None:
    """General MIDI's key for a drum's name; None where it says nothing."""
    plain = name.casefold()
    return next((key for pattern, key in _COMPILED_DRUMS if pattern.search(plain)), None)


def drum_of_place(step: str, octave: int) -> int | None:
    """General MIDI's key for a place on the staff of a drum set; None where none is usual."""
    return _KEYS_OF_PLACES.get((step, octave))
