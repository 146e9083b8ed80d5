"""A program's beginning and end: its command line as everyone may read it on a card, without secrets and without this
machine's folders; and the one line that it ends with for what its user can mend."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

USER_ERROR_EXIT_CODE = 2
_PROGRAM = "symbolic-music"
_SECRET_FLAGS = ("--hub_token", "--hub-token")


def shown_command(arguments: Sequence[str] | None = None) -> str:
    """`python SCRIPT …` or `symbolic-music …`, to be typed into a shell; of absolute paths only the last part, of
    tokens nothing.

    Args:
        arguments: the script and what followed it; `sys.argv` when left out.
    """
    script, *rest = sys.argv if arguments is None else arguments
    path = Path(script)
    is_program = path.name == _PROGRAM or (path.name, path.parent.name) == ("__main__.py", "symbolic_music")
    shown, hide = [_PROGRAM] if is_program else ["python", shown_path(script)], False
    for argument in rest:
        flag, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if hide or (flag in _SECRET_FLAGS and equals):
            value = "..."
        hide = flag in _SECRET_FLAGS and not equals
        shown.append(f"{flag}{equals}{shown_path(value)}")
    return shlex.join(shown)


def shown_path(value: str) -> str:
    """A path as everyone may read it: within the working folder relative to it, elsewhere its last part."""
    path = Path(value)
    if not path.is_absolute():
        return value
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return path.name or value


@contextmanager
def end_in_one_line(errors: tuple[type[Exception], ...], who: str = "error") -> Iterator[None]:
    """End the program with one line and exit code 2 for what its user can mend; bugs keep their traceback.

    Args:
        errors: that a user can mend.
        who: what the line begins with.
    """
    try:
        yield
    except errors as error:
        sys.stderr.write(f"{who}: {one_line(error)}\n")
        raise SystemExit(USER_ERROR_EXIT_CODE) from None


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())
