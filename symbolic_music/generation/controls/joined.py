"""What words and other wishes ask for together."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.clashes import check_clashes
from symbolic_music.generation.controls.written import playable_ranges


def join(said: Controls, found: Mapping[str, Any], playable: bool = False, flags: bool = False) -> Controls:
    """All that is asked for, as one.

    Args:
        said: by words.
        found: by name of a field of `Controls`, what is asked for otherwise.
        playable: keep instruments within what players can play.
        flags: whether all this was given as flags of the command line, which messages then name.

    Raises:
        ControlError: when words and another wish say different things, or any two wishes contradict each other.
    """
    words, wish, dashes = ("--ask", "a flag", "--") if flags else ("the words", "another wish", "")
    for name in said.asked:
        if name in found and found[name] != getattr(said, name):
            raise ControlError(f"{words} and {wish} clash: both say the {name}")
    asked = replace(said, **found)
    if playable and asked.ranges is not None:
        raise ControlError(f"{dashes}playable and {dashes}range both say the ranges; give one")
    if playable:
        asked = replace(asked, ranges=playable_ranges(asked.instruments))
    check_clashes(asked)
    return asked
