"""The layers of CONTRIBUTING.md, kept by walking every import statement of the package."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "symbolic_music"
LAYERS = {
    "_extras": -1,
    "_command": -1,
    "_yaml": -1,
    "score": 0,
    "events": 1,
    "tokenization": 2,
    "models": 3,
    "data": 4,
    "generation": 4,
    "metrics": 4,
    "export": 5,
    "hub": 5,
    "serving": 6,
    "training": 6,
    "scaling": 6,
    "report": 7,
    "studio": 7,
    "cli": 8,
    "__main__": 9,
    "__init__": 9,
    "_registration": 8,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def folder_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_modules(path: Path) -> list[str]:
    """Absolute names of every module the file imports, at top level or inside a function."""
    package = ["symbolic_music", *path.relative_to(PACKAGE).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    own = folder_of(path)
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] != "symbolic_music" or len(parts) < 2 or parts[1] == own:
            continue
        assert parts[1] in LAYERS, f"{path} imports {name}, which has no layer"
        assert LAYERS[parts[1]] < LAYERS[own], f"{path} ({own}) imports upwards or sideways: {name}"


@pytest.mark.parametrize("family", ["music_lstm", "music_transformer"])
def test_a_model_family_imports_only_torch_transformers_and_itself(family):
    for path in sorted((PACKAGE / "models" / family).glob("*.py")):
        for name in imported_modules(path):
            top = name.split(".")[0]
            own = name.startswith(f"symbolic_music.models.{family}.")
            assert own or top in {"torch", "transformers", *sys.stdlib_module_names}, name


# A folder is a room: whoever opens it sees at once what is in it.
MOST_MODULES = 10


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda path: path.name)
def test_a_folder_holds_at_most_ten_modules(folder):
    modules = sorted(path.name for path in folder.glob("*.py") if path.name != "__init__.py")
    name = folder.relative_to(PACKAGE).as_posix()
    assert len(modules) <= MOST_MODULES, f"{name} holds {len(modules)} modules: give some a sub-room ({modules})"


def test_test_files_have_names_of_their_own():
    """pytest imports them by name alone."""
    names = sorted(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert names == sorted(set(names)), sorted({name for name in names if names.count(name) > 1})
