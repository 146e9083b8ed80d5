"""What tandem interpretations say: meters, tempos, keys, instruments, staves, parts, labels and expansion lists.

After the Humdrum User Guide and the `**kern` reference: `*M3/4` meter, `*MM120` quarter notes a minute, `*k[f#c#]` key
signature, `*e:` key, `*Ivioln` instrument code, `*I"Violino` its name, `*part1`, `*staff2`, `*>A` a section's label,
`*>[A,A,B]` the order in which sections are played.

`*ITrd1c2` says how a part is written for a transposing instrument and `*Trd1c2` that data have been transposed: the
data are at sounding pitch either way (doc.verovio.humdrum.org/humdrum/transposing), so neither changes a note.
Likewise `*8va`, `*rscale`, `*tremolo` and `*rep` are about how notes are drawn, and `*cue` about how large; all that
is written sounds. Knows nothing of notes or of time.
"""

import re
from dataclasses import dataclass, field

from symbolic_music.score.notation.written import WrittenKey

SAID = re.compile(rb"(?:^|\t)\*(?:I[A-Za-z\"]|M\d|MM\d|k\[|[A-Ga-g][#-]*:|part|staff|>)")
"""Matches a record that holds an interpretation which `read_interpretations` knows."""

_METER = re.compile(rb"\*M(\d{1,3})/(\d{1,3})(?:%\d+)?$")
_TEMPO = re.compile(rb"\*MM(\d{1,4}(?:\.\d{1,6})?)$")
_SIGNATURE = re.compile(rb"\*k\[([^\]]*)\]$")
_KEY = re.compile(rb"\*([A-Ga-g])([#-]{0,2}):(dor|phr|lyd|mix|aeo|loc|ion)?")
_NAME = re.compile(rb"\*I\"+(.*)")
_CODE = re.compile(rb"\*I([A-Za-z][A-Za-z_&|/ ]*)")
_CLASS_OR_GROUP = re.compile(rb"\*I(?:C[a-z]|G[a-z]|Tr)")
_CLASS = re.compile(rb"\*IC([a-z]+)")
_PLACE = re.compile(rb"\*(part|staff) *(\d{1,3})")
_LIST = re.compile(rb"\*>([^\[\]]*)\[([^\]]*)\]")
MAX_TEMPO, MIN_TEMPO = 1_000.0, 5.0
"""Quarter notes a minute; `*MM4/4` and the like are slips."""
UNREAD_METERS, UNREAD_TEMPOS = "meters that cannot be read", "tempos that cannot be read"


@dataclass
class SpineFacts:
    """What is said of one spine.

    Args:
        part: the number of its part; None where none is given.
        staff: likewise.
        name: of the instrument.
        codes: instrument codes with the record where they stand, in order.
        family: the class of the instrument, such as "vox".
    """

    part: int | None = None
    staff: int | None = None
    name: bytes = b""
    codes: list[tuple[int, str]] = field(default_factory=list)
    family: str = ""


@dataclass
class Interpretations:
    """What is said of a piece; records are those of `spines.Records`.

    Args:
        spines: by number.
        meters: record, numerator and denominator.
        tempos: record and quarter notes a minute.
        keys: record and key signature.
        key: the first key by name, as in "Ebdor"; None where none stands.
        tonics: record, pitch letter with accidentals and whether it is minor, for each named key.
        labels: record and name of each section.
        lists: the order of sections, by the list's name; "" is the usual one.
        left_out: what cannot be read, by kind.
    """

    spines: dict[int, SpineFacts] = field(default_factory=dict)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    tempos: list[tuple[int, float]] = field(default_factory=list)
    keys: list[tuple[int, WrittenKey]] = field(default_factory=list)
    key: str | None = None
    tonics: list[tuple[int, str, bool]] = field(default_factory=list)
    labels: list[tuple[int, str]] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_interpretations(
    found: list[tuple[int, list[bytes], list[int]]], lane_spine: list[int], kern: set[int]
) -> Interpretations:
    """Read interpretation records.

    What is said of meter, tempo and key in several spines of one record counts once, as the first says it.

    Args:
        found: number, tokens and lanes of each record.
        lane_spine: the spine of each lane.
        kern: the spines that hold notes.
    """
    said = Interpretations()
    for record, tokens, lanes in found:
        seen: set[bytes] = set()
        for token, lane in zip(tokens, lanes, strict=True):
            if token == b"*":
                continue
            spine = lane_spine[lane]
            if token[1:2] in b"ps":
                _read_place(said, spine, token)
            elif spine not in kern:
                continue
            elif token[1:2] == b"I":
                _read_instrument(said.spines.setdefault(spine, SpineFacts()), record, token)
            elif token not in seen:
                _read_music(said, record, token.rstrip())
                seen.add(token)
    said.keys = _with_modes(said)
    return said


def _read_place(said: Interpretations, spine: int, token: bytes) -> None:
    match = _PLACE.match(token)
    if match:
        facts = said.spines.setdefault(spine, SpineFacts())
        if match[1] == b"part":
            facts.part = int(match[2])
        else:
            facts.staff = int(match[2])


def _read_music(said: Interpretations, record: int, token: bytes) -> None:
    """Meter, tempo, key and form; the first of several in one record counts."""
    if token[1:2] == b"M":
        _read_meter_or_tempo(said, record, token)
    elif match := _SIGNATURE.match(token):
        if not said.keys or said.keys[-1][0] != record:
            said.keys.append((record, WrittenKey(_fifths(match[1]))))
    elif match := _KEY.match(token):
        _read_key(said, record, match)
    elif match := _LIST.match(token):
        names = [name.strip().decode("latin-1") for name in match[2].split(b",")]
        said.lists.setdefault(match[1].decode("latin-1"), [name for name in names if name])
    elif token[:2] == b"*>":
        label = token[2:].decode("latin-1")
        if not said.labels or said.labels[-1] != (record, label):
            said.labels.append((record, label))


def _read_meter_or_tempo(said: Interpretations, record: int, token: bytes) -> None:
    if match := _METER.match(token):
        if not said.meters or said.meters[-1][0] != record:
            said.meters.append((record, int(match[1]), int(match[2])))
    elif match := _TEMPO.match(token):
        qpm = float(match[1])
        if not MIN_TEMPO <= qpm <= MAX_TEMPO:
            said.left_out.append(UNREAD_TEMPOS)
        elif not said.tempos or said.tempos[-1][0] != record:
            said.tempos.append((record, qpm))
    elif token[1:3] == b"MM":
        said.left_out.append(UNREAD_TEMPOS)
    elif token[2:3].isdigit():
        said.left_out.append(UNREAD_METERS)


def _fifths(signature: bytes) -> int:
    """Sharps above 0 or flats below; naturals, which cancel, do not count, nor does a sharp that is written twice."""
    sharps = {letter.lower() for letter in re.findall(rb"([A-Ga-g])#", signature)}
    flats = {letter.lower() for letter in re.findall(rb"([A-Ga-g])-", signature)}
    return len(sharps) - len(flats)


def _read_key(said: Interpretations, record: int, match: re.Match[bytes]) -> None:
    letter, accidentals, mode = match[1].decode(), match[2].decode().replace("-", "b"), match[3]
    minor = letter.islower() or mode in (b"dor", b"phr", b"aeo", b"loc")
    if not said.tonics or said.tonics[-1][0] != record:
        said.tonics.append((record, letter.upper() + accidentals, minor))
    if said.key is None:
        written = mode.decode() if mode else ("m" if minor else "")
        said.key = f"{letter.upper()}{accidentals}{written}"


def _with_modes(said: Interpretations) -> list[tuple[int, WrittenKey]]:
    """Key signatures, minor where the key named last before the next signature is."""
    keys = []
    ends = [record for record, _ in said.keys[1:]]
    for number, (record, key) in enumerate(said.keys):
        until = ends[number] if number < len(ends) else None
        within = [minor for at, _, minor in said.tonics if until is None or at < until]
        keys.append((record, key._replace(minor=bool(within and within[-1]))))
    return keys


def _read_instrument(facts: SpineFacts, record: int, token: bytes) -> None:
    if match := _NAME.match(token):
        facts.name = facts.name or match[1].strip()
    elif match := _CLASS.match(token):
        facts.family = facts.family or match[1].decode()
    elif not _CLASS_OR_GROUP.match(token) and (match := _CODE.match(token)):
        facts.codes.append((record, match[1].decode().strip()))
