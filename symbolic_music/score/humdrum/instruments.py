"""Humdrum's instrument codes as General MIDI programs.

The codes are those of humdrum.org/instrument-codes (Humdrum Reference Manual, appendix II), with those that large
collections add (`forte`, `clrno`, `canto` …). Programs follow humlib's table (HumInstrument.cpp) but where General
MIDI has the instrument itself: timpani are timpani, voices sing, and instruments without pitch are keys of the drum
channel (General MIDI Level 1 percussion map). Knows nothing of files.
"""

import re

from symbolic_music.score.programs import DRUMS

_CODES_OF_PROGRAM = {
    0: "piano forte pforte",
    4: "rhode",
    5: "synth",
    6: "cemba",
    7: "clavi",
    8: "clest",
    9: "glock",
    11: "vibra",
    12: "marim",
    13: "xylo",
    14: "campn caril chime",
    15: "dulc cimba psalt zithr qin",
    16: "hammd",
    19: "organ porta",
    20: "reedo physh armno",
    21: "accor ctina",
    22: "armon",
    24: "guitr liuto archl tiorb mando quitr cetra ukule biwa pipa ud",
    27: "eguit",
    33: "bguit",
    40: "violn violp viols rebec kokyu",
    41: "viola viold viole",
    42: "cello violb violt",
    43: "cbass vlone",
    46: "arpa",
    47: "timpa",
    48: "strings",
    52: "soprn mezzo calto alto tenor ctenor barit bass vox canto cant coro quinto sesto feme male nfant recit lyrsp "
    "drmsp colsp heltn lyrtn bspro bscan false castr",
    56: "tromp clrno cornt corno flugh",
    57: "tromt tromb troma",
    58: "tuba tubaB tubaC tubaT tubaU serp ophic sxhB sxhC",
    60: "cor sxhS sxhA sxhT sxhR",
    64: "saxS saxN",
    65: "saxA",
    66: "saxT",
    67: "saxR saxB saxC",
    68: "oboe chlms chlma chlmt krums kruma krumt krumb hichi rackt",
    69: "cangl oboeD baset_h",
    70: "fagot fag_c sarus",
    71: "clars clarp clara clarb clarC baset calam",
    72: "picco fife",
    73: "flt flt_a flt_b bansu",
    74: "fltds fltdn fltda fltdt fltdb",
    75: "panpi",
    77: "shaku nokan",
    79: "ocari",
    82: "calpe",
    104: "sitar sarod vina tambu tanbr",
    105: "banjo",
    106: "shami",
    107: "koto komun",
    109: "bagpI bagpS cornm hurdy",
    111: "sheng sho zurna piri",
    114: "steel",
    116: "taiko tabla",
}
PROGRAM_OF_CODE = {code: program for program, codes in _CODES_OF_PROGRAM.items() for code in codes.split()}

DRUM_KEY_OF_CODE = {
    "bdrum": 36,
    "drumP": 36,
    "sdrum": 38,
    "drum": 38,
    "kit": 38,
    "tom": 47,
    "crshc": 49,
    "piatt": 49,
    "ridec": 51,
    "gong": 52,
    "tambn": 54,
    "spshc": 55,
    "fingc": 80,
    "trngl": 81,
    "marac": 70,
    "casts": 85,
    "wblok": 76,
}
"""The key of the drum channel that an instrument without pitch sounds with, whatever its notes are written on."""

PROGRAM_OF_FAMILY = {"vox": 52, "klav": 0, "str": 48, "ww": 73, "bras": 61, "brass": 61}
"""Where only the class of an instrument is known: choir, piano, strings, flute, brass."""
KEYBOARDS = frozenset((0, 4, 5, 6, 7, 8, 16, 19, 20, 21, 46))
"""Programs whose neighbouring staves are one instrument."""


def find_program(code: str, family: str) -> tuple[int | None, int | None]:
    """Program and drum key of an instrument; both None where nothing is known.

    Args:
        code: as in `*Icode`; of "cello&fagot" the first that is known counts.
        family: its class, as in `*ICstr`.
    """
    for part in re.split(r"[&|/ ]+", code):
        if part in PROGRAM_OF_CODE:
            return PROGRAM_OF_CODE[part], None
        if part in DRUM_KEY_OF_CODE:
            return DRUMS, DRUM_KEY_OF_CODE[part]
    return PROGRAM_OF_FAMILY.get(family), None
