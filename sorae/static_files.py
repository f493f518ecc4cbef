"""Static files: collected under names that hold their hash, and compressed, so that browsers keep them for good."""

from functools import cached_property
from pathlib import Path

from django.contrib.staticfiles import finders
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """What was not collected, or has changed since, goes by its plain name, and is served from where it is."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self._is_collected(name) else name

    def _is_collected(self, name: str) -> bool:
        known = self._answers.get(name)
        if known is None:
            source = finders.find(name)
            is_there = self.clean_name(name) in self.hashed_files
            known = is_there and (source is None or Path(source).stat().st_mtime <= self._collected_at)
            self._answers[name] = known
        return known

    @cached_property
    def _answers(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _collected_at(self) -> float:
        manifest = Path(self.path(self.manifest_name))
        return manifest.stat().st_mtime if manifest.exists() else 0.0
