"""A program of its own: MusicXML on stdin, pages as SVG on stdout, by verovio.

`engraving` runs it in a child process, for verovio is C++ and a score that it cannot take may end the process. Knows
nothing of the package.
"""

import ctypes
import json
import signal
import sys

import verovio


def main() -> int:
    """Read {"options": …, "music": …} as JSON, write the pages as a JSON list; 1 where the music cannot be loaded."""
    _end_with_parent()
    request = json.load(sys.stdin.buffer)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(request["options"])
    if not toolkit.loadData(request["music"]):
        return 1
    pages = [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
    sys.stdout.buffer.write(json.dumps(pages).encode())
    return 0


def _end_with_parent() -> None:
    """On Linux, end when the process that asked is killed, as `convert` does with what takes too long."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
