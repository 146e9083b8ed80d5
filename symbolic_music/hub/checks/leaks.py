"""What must not leave the machine: secrets, and paths that say whose machine it is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from symbolic_music.hub.contents import Content, read_content

_TEXT_SUFFIXES = (".cfg", ".ini", ".json", ".jsonl", ".md", ".py", ".toml", ".txt", ".yaml", ".yml")
# Words of a text tokenizer may look like anything.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")

_SECRET_NAME = re.compile(
    r"\.env(\..*)?|\.netrc|\.git-credentials|\.pypirc|id_(rsa|dsa|ecdsa|ed25519).*|.*\.(pem|key|p12|pfx)"
    r"|(.*[._-])?(tokens?|secrets?|passwords?|credentials?|api_?keys?)(\.(txt|json|ya?ml|toml|cfg|ini))?",
    re.I,
)
_NAMES_OF_TOKENIZERS = ("added_tokens.json", "special_tokens.json")
_SECRET = re.compile(r"\bhf_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b")
# Where people's own files lie: nothing such may stand behind a word or slash, which would make it part of a URL.
_MACHINE_PATH = re.compile(
    r"(?<![\w.~/-])(?:/(?:home|Users|root|work|workspace|mnt|media|tmp|var/folders|scratch|kaggle)/[\w.-]+"
    r"|[A-Za-z]:\\{1,2}Users\\{1,2}\w+)[\w./\\-]*"
)


def leak_problems(files: Mapping[str, Content], left_out: Iterable[str]) -> list[str]:
    """Files that look like secrets, published or not, and lines with secrets or machine paths, one line each."""
    problems = [
        f"{name} looks like a secret: keep it elsewhere" for name in (*files, *left_out) if _is_secret(Path(name).name)
    ]
    for name, content in files.items():
        path = Path(name)
        if path.suffix in _TEXT_SUFFIXES and path.name not in _VOCABULARIES:
            problems += _text_problems(name, read_content(content))
    return problems


def _is_secret(name: str) -> bool:
    return name not in _NAMES_OF_TOKENIZERS and _SECRET_NAME.fullmatch(name) is not None


def _text_problems(name: str, data: bytes) -> Iterator[str]:
    """The first secret and the first path of a file: where there is one there are often hundreds."""
    text = data.decode("utf-8", errors="replace")
    secret = _SECRET.search(text)
    if secret:
        yield f"{name} line {_line(text, secret)} holds what looks like a token or key"
    place = _MACHINE_PATH.search(text)
    if place:
        yield f"{name} line {_line(text, place)} names a place on this machine: {place[0]}"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
