"""ABC that is made to harm: refused by a name, soon and in little memory."""

import resource
import time

import pytest

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.files import read_bytes

HEAD = "X:1\nL:1/8\nK:C\n"
HOSTILE = {
    "a line of 10 MB": (HEAD + "CDEF GABc|" * 1_000_000, Refusal.TOO_LONG),
    "40,000 bars": (HEAD + "CDEF|" * 40_000, Refusal.TOO_LONG),
    "a million voices": (HEAD + "".join(f"V:{n}\nC|\n" for n in range(1_000_000)), Refusal.TOO_LONG),
    "10,000 voices": (HEAD + "".join(f"V:{n}\nC|\n" for n in range(10_000)), Refusal.TOO_MANY_VOICES),
    "10,000 voices in the header": (
        "X:1\n" + "".join(f"V:{n}\n" for n in range(10_000)) + "K:C\nC|\n", Refusal.TOO_MANY_VOICES
    ),
    "repeats of repeats": (HEAD + "|:::::::::" + " C|" * 10_000 + ":::::::::|", Refusal.TOO_LONG),
    "parts of parts": (f"X:1\nP:{'(' * 5_000}A{')9' * 5_000}\nK:C\nP:A\nC|\n", Refusal.TOO_LONG),
    "a million parts": (f"X:1\nP:{'A' * 1_000_000}\nK:C\nP:A\nC|\n", Refusal.TOO_LONG),
    "macros of macros": (f"X:1\nm:~A={'~A' * 90}\nL:1/8\nK:C\n{'~A' * 50_000}\n", Refusal.TOO_LONG),
    "rests without end": (HEAD + "Z19999|" * 1_000 + "C", Refusal.TOO_LONG),
    "NUL bytes": (HEAD + "\0" * 1_000_000, Refusal.UNREADABLE),
    "open braces": (HEAD + "{" * 1_000_000, Refusal.UNREADABLE),
    "open brackets": (HEAD + "C[" * 500_000, Refusal.UNREADABLE),
    "open fields": (HEAD + "[K:" * 300_000, Refusal.UNREADABLE),
    "open quotes": (HEAD + '["a' * 300_000, Refusal.UNREADABLE),
    "colons": (HEAD + ": " * 500_000, Refusal.UNREADABLE),
    "a number of a megabyte": (HEAD + "C" + "9" * 1_000_000, Refusal.UNREADABLE),
    "slashes": (HEAD + "C" + "/" * 1_000_000, Refusal.UNREADABLE),
    "octaves": (HEAD + "C" + "," * 1_000_000, Refusal.PITCH_OUT_OF_RANGE),
    "lengths ever finer": (
        HEAD + "".join(f"({notes}:2:1C" for notes in range(2, 99)), Refusal.CORRUPT_TIMING
    ),
    "exclamation marks": (HEAD + "!" * 1_000_000, Refusal.NO_NOTES),
}  # fmt: skip


@pytest.mark.parametrize(("text", "refusal"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_by_name_soon(text, refusal):
    data = text.encode()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ScoreError) as caught:
        read_bytes(data, "hostile.abc")
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024
    assert caught.value.refusal is refusal
    assert "hostile.abc" in str(caught.value)
