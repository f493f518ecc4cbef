"""Contents of files, on this machine's disk or uploaded in pieces: opened as often as needed, the same each time."""

import io
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from klaviyo.syncs.sources.table import SourceError

BUFFER = 1 << 18
#: What looks like files there tells of this machine and its processes.
NO_FILES = ("/proc", "/sys", "/dev")

CHANGED = "The file was changed while it was read. Run again when nobody writes to it."


class NotThere(SourceError):
    """There is no such file, or it may not be read."""


class Content(Protocol):
    """Bytes that can be read from the beginning any number of times."""

    def open(self) -> BinaryIO:
        """Raises SourceError; so does reading."""


@dataclass
class OnDisk:
    """A file by its path. Reading it to its end fails when somebody has written to it since it was first opened."""

    path: Path
    _seen: tuple[int, ...] | None = field(default=None, init=False)

    def open(self) -> BinaryIO:
        try:
            found = self.path.resolve(strict=True)
            mode = found.stat().st_mode
            if stat.S_ISDIR(mode):
                raise NotThere(f"{self.path.name or self.path} is a folder. Name a file.")
            if not stat.S_ISREG(mode) or any(map(found.is_relative_to, NO_FILES)):
                raise NotThere(f"{self.path.name} is no file with rows in it. Name another.")
            raw = found.open("rb", buffering=0)
        except FileNotFoundError:
            raise NotThere(f"There is no file {self.path.name} there. Check its path.") from None
        except PermissionError:
            raise NotThere(f"{self.path.name} may not be read. Give this program's account the right to.") from None
        except (OSError, ValueError, RuntimeError) as error:  # a path may hold what no path can, or lead to itself
            why = error.strerror if isinstance(error, OSError) and error.strerror else "that is no path of a file"
            raise NotThere(f"The file cannot be read: {why}.") from None
        try:
            self._is_the_same(raw)
        except SourceError:
            raw.close()
            raise
        return io.BufferedReader(_Steady(raw, self._is_the_same), BUFFER)

    def _is_the_same(self, raw: io.FileIO) -> None:
        now = os.fstat(raw.fileno())
        seen = now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns
        if self._seen not in (None, seen):
            raise SourceError(CHANGED)
        self._seen = seen


class _Steady(io.RawIOBase):
    """A file on the disk, looked at once more at its end."""

    def __init__(self, raw: io.FileIO, check: Any) -> None:
        self._raw, self._check = raw, check

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            number = self._raw.readinto(buffer)
        except OSError as error:
            raise SourceError(f"The file cannot be read on: {error.strerror or 'the disk does not answer'}.") from None
        if not number:
            self._check(self._raw)
        return number or 0

    def close(self) -> None:
        self._raw.close()
        super().close()


@dataclass
class Uploaded:
    """An upload, whose compressed pieces are asked for one by one, so that no more than one is in memory."""

    upload: Any

    def open(self) -> BinaryIO:
        if self.upload.ended_at is None:
            raise SourceError("The upload has not come to its end. Upload the file again.")
        return io.BufferedReader(_Joined(self._pieces()), BUFFER)

    def _pieces(self) -> Iterator[bytes]:
        number, size = 0, 0
        while piece := self.upload.pieces.filter(number=number).values_list("content", flat=True).first():
            try:
                content = zlib.decompress(piece)
            except zlib.error:
                raise SourceError(f"Piece {number} of the upload is damaged. Upload the file again.") from None
            number, size = number + 1, size + len(content)
            yield content
        if size != self.upload.size:
            raise SourceError("The upload is not there as a whole any more. Upload the file again.")


class _Joined(io.RawIOBase):
    """Pieces as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        number = min(len(buffer), len(self._rest))
        buffer[:number] = self._rest[:number]
        self._rest = self._rest[number:]
        return number
