"""Makes transformers' Auto classes know this package, without importing transformers for it.

`import symbolic_music` must stay fast, so nothing heavy may be imported to register a class; yet
`AutoModelForCausalLM.from_pretrained(…)` must find our models without `trust_remote_code`. So an import hook waits
until transformers' own Auto modules have been loaded, and registers then; if they are loaded already, it registers at
once. The pipeline waits in the same way for `transformers.pipelines`.

Registering imports model files, and these import transformers modules. Transformers' modules import each other in
circles, so an Auto module may be complete while the modules that asked for it are not (`modeling_layers` is such a
one): registering in that moment would see half a module. The hook therefore counts how deep the imports of
transformers and of this package are nested, and registers when the outermost one is complete.
"""

import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Each module of transformers that must learn of us, and our module and function that add our classes to it.
Registrations = dict[str, tuple[str, str]]
AUTO_CLASSES: Registrations = {
    "transformers.models.auto.configuration_auto": ("symbolic_music.models.auto", "register_configs"),
    "transformers.models.auto.modeling_auto": ("symbolic_music.generation.engine.sample", "register_models"),
    "transformers.models.auto.processing_auto": ("symbolic_music.models.auto", "register_processors"),
}
PIPELINES: Registrations = {
    "transformers.pipelines": ("symbolic_music.generation.pipeline", "register_pipeline"),
}
WATCHED_PACKAGES = ("transformers", "symbolic_music")


class _Nesting(threading.local):
    """How many watched imports this thread is inside of."""

    depth = 0


class _WatchingLoader(Loader):
    """Runs another loader, and afterwards the registrations that have become possible."""

    def __init__(self, loader: Loader, finder: "RegistrationFinder"):
        self.loader = loader
        self.finder = finder

    def __getattr__(self, name: str) -> Any:
        # `python -m` asks a loader for the module's code, importlib.resources for its files.
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps the loader it would have had, so that nothing that asks it for sources notices us.
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.finder.nesting.depth += 1
        try:
            self.loader.exec_module(module)
        finally:
            self.finder.nesting.depth -= 1
        self.finder.register_what_is_ready()


class RegistrationFinder(MetaPathFinder):
    """Watches the imports of transformers and of this package until every registration is done."""

    registrations: Registrations

    def __init__(self) -> None:
        self.pending = dict(self.registrations)
        self.nesting = _Nesting()

    def install(self) -> None:
        """Register now what can be, and watch for the rest."""
        sys.meta_path.insert(0, self)
        self.register_what_is_ready()

    def finish(self) -> None:
        """Called once, when everything is registered."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give, with a loader that tells us when the module is complete."""
        if fullname.partition(".")[0] not in WATCHED_PACKAGES:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _WatchingLoader(spec.loader, self)
                return spec
        return None

    def register_what_is_ready(self) -> None:
        """Run every pending registration whose module is loaded, unless an import is still under way."""
        if self.nesting.depth:
            return
        for module_name in [name for name in self.pending if name in sys.modules]:
            # Registering imports more modules, which may come back here: take the entry out first.
            registration = self.pending.pop(module_name, None)
            if registration is not None:
                module, function = registration
                getattr(import_module(module), function)()
        if not self.pending and self in sys.meta_path:
            sys.meta_path.remove(self)
            self.finish()


class PipelineFinder(RegistrationFinder):
    """Waits for `transformers.pipeline`, which most programs never use."""

    registrations = PIPELINES


class AutoClassFinder(RegistrationFinder):
    """Waits for the Auto classes; two finders at once would ask each other without end, so pipelines come after."""

    registrations = AUTO_CLASSES

    def finish(self) -> None:
        """Pipelines load Auto classes themselves, so nothing is missed by waiting for these first."""
        PipelineFinder().install()


def register_with_transformers() -> None:
    """Register our classes with transformers now, or as soon as it has loaded what they are registered with."""
    AutoClassFinder().install()
