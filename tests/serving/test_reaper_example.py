"""The example for REAPER, run by Lua against a server, with REAPER's own functions played by `fake_reaper.lua`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from symbolic_music import serving

LUA = next(filter(None, map(shutil.which, ("lua5.4", "lua5.3", "lua"))), None)
SCRIPT = Path(serving.__file__).parent / "examples" / "reaper_write_anew.lua"
pytestmark = pytest.mark.skipif(
    LUA is None or shutil.which("curl") is None, reason="lua 5.3 or newer, or curl, is not installed"
)
GIVEN = [(480 * step, 480 * step + 480, 0, 60 + step % 6, 80) for step in range(32)]


def run_example(port, begin, end):
    """The notes of the item behind it, or the message that is shown."""
    command = [LUA, Path(__file__).with_name("fake_reaper.lua"), SCRIPT, f"http://127.0.0.1:{port}", begin, end]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.splitlines()
    if lines[0].startswith("message: "):
        return lines[0].removeprefix("message: ")
    return sorted(tuple(map(int, line.split())) for line in lines)


def test_the_bars_of_the_time_selection_are_written_anew(server):
    notes = run_example(server.port, 2, 4)  # at 120, bar 2 of four

    def outside(found):
        return [note for note in found if not 3840 <= note[0] < 7680]

    assert outside(notes) == outside(GIVEN)
    assert notes != GIVEN


def test_without_a_selection_the_item_goes_on(server):
    notes = run_example(server.port, 0, 0)
    # Loudness moves to the model's grid; all else is kept.
    assert [note[:4] for note in notes if note[0] < 15360] == [note[:4] for note in GIVEN]
    assert notes[-1][0] >= 15360


def test_what_is_wrong_is_shown(server):
    assert run_example(server.port, 0, 100) == "bars 1-50 are not there; expected bars within 1-4"
    assert "is the server running?" in run_example(1, 2, 4)
