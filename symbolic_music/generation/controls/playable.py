"""What instruments can play, as sounding pitches.

The ranges are the usual ones of ordinary parts, at sounding pitch; soloists go beyond them, and makers differ. They
were not copied from one table; manuals to compare them with are Adler, "The Study of Orchestration" (third edition,
2002), and Blatter, "Instrumentation and Orchestration" (second edition, 1997). Keyboards without a standard compass,
synthesizers and effects are not listed: nothing is asked of them.
"""

PLAYABLE: dict[int, tuple[int, int]] = {
    **dict.fromkeys(range(0, 4), (21, 108)),  # pianos: A0 to C8
    6: (29, 89),  # harpsichord: F1 to F6
    8: (60, 108),  # celesta: C4 to C8
    9: (79, 108),  # glockenspiel: G5 to C8
    11: (53, 89),  # vibraphone: F3 to F6
    12: (45, 96),  # marimba: A2 to C7
    13: (65, 108),  # xylophone: F4 to C8
    **dict.fromkeys((24, 25, 26, 27, 28), (40, 83)),  # guitars: E2 to B5
    **dict.fromkeys((32, 33, 34, 35), (28, 67)),  # basses: E1 to G4
    40: (55, 100),  # violin: G3 to E7
    41: (48, 88),  # viola: C3 to E6
    42: (36, 81),  # cello: C2 to A5
    43: (28, 60),  # double bass: E1 to C4
    46: (24, 103),  # harp: C1 to G7
    47: (38, 57),  # timpani: D2 to A3
    **dict.fromkeys((52, 53), (40, 84)),  # choirs: E2 to C6
    56: (52, 84),  # trumpet: E3 to C6
    57: (40, 72),  # trombone: E2 to C5
    58: (26, 65),  # tuba: D1 to F4
    60: (35, 77),  # horn: B1 to F5
    64: (56, 88),  # soprano saxophone: Ab3 to E6
    65: (49, 81),  # alto saxophone: Db3 to A5
    66: (44, 76),  # tenor saxophone: Ab2 to E5
    67: (36, 69),  # baritone saxophone: C2 to A4
    68: (58, 93),  # oboe: Bb3 to A6
    69: (52, 81),  # English horn: E3 to A5
    70: (34, 75),  # bassoon: Bb1 to Eb5
    71: (50, 94),  # clarinet: D3 to Bb6
    72: (74, 108),  # piccolo: D5 to C8
    73: (60, 98),  # flute: C4 to D7
}
"""By General MIDI program, the lowest and the highest pitch."""
