"""The only writer of picture files; it takes cleared pictures and names that the server made, and nothing else."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio.domain.errors import BadInput, BadPicture, StorageBroken, StorageFull
from studio.domain.verdict import Cleared, require_cleared
from studio.durable import explained, sync_folder
from studio.gallery.encoding import THUMB_ENDINGS, plain_png, size_of, thumbnail, webp
from studio.safety.intake import open_picture, read_file, sha256

FOLDERS = ("pictures", "thumbs", "previews", "index", "bin", "incoming")
SHOWN_SIDE = 2_048  # pixels, long side, of what an editor shows
_TEMP = ".tmp-"
_STALE = 3_600.0  # seconds: another process may be in the middle of handing a file in
_FILE = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)")
_SHA = re.compile(r"[0-9a-f]{64}")
_SPOOL = re.compile(r"[0-9a-f]{64}-[0-9a-f]{8}")
_PREVIEW = re.compile(r"[a-z0-9-]{1,80}\.webp")


@dataclass(frozen=True)
class Written:
    """A picture file on the disk: its name in pictures/, the SHA-256 of its bytes, its size in pixels and in bytes."""

    file: str
    sha256: str
    width: int
    height: int
    bytes: int


class Files:
    """The picture folders of one home. Safe to use from several threads and processes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with _storage(home):
            for name in FOLDERS:
                (home / name).mkdir(mode=0o700, exist_ok=True)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def write(self, cleared: Cleared, *, text: dict[str, str], xmp: bytes = b"", anew: bool = False) -> Written:
        """Store a cleared picture under the SHA-256 of its bytes.

        The file it came from is kept byte for byte where the gate allowed that, unless it is to be written `anew`; otherwise a
        PNG is made that carries `text` and `xmp`.

        When this returns, the file survives a power cut. Raises StorageFull, and leaves nothing, on a full disk.
        """
        cleared = require_cleared(cleared)
        data, suffix = (b"", "") if anew else _original(cleared)
        name = cleared.original_sha256
        if not suffix:
            data, suffix = plain_png(cleared.picture, text=text, xmp=xmp), "png"
            name = sha256(data)
        write_whole(self.home / "pictures" / f"{name}.{suffix}", data)
        width, height = cleared.size
        return Written(f"{name}.{suffix}", name, width, height, len(data))

    def refer(self, cleared: Cleared, *, sha: str, size: int) -> Written:
        """What `write` would tell of a picture that stays where it lies: a file of `size` bytes with this SHA-256.

        Its name has the ending of what is served of it; nothing of that name is ever written.
        """
        suffix = _original(require_cleared(cleared))[1] or "png"
        return Written(_plain(_FILE, f"{sha}.{suffix}"), sha, *cleared.size, size)

    def thumb(self, cleared: Cleared, sha: str) -> Image.Image:
        """Write the thumbnail (long side 384) of the picture with this SHA-256; returns a copy, made smaller if large."""
        return self._write_thumb(require_cleared(cleared).picture, sha)

    def _write_thumb(self, picture: Image.Image, sha: str) -> Image.Image:
        data, ending, smaller = thumbnail(picture)
        write_whole(self._thumb(sha, ending), data, durable=False)
        return smaller

    def thumb_again(self, file: str, *, binned: bool = False, place: str | None = None) -> Path:
        """Make a stored picture's thumbnail again; only from the very bytes that were cleared, which their name tells.

        Raises BadInput when they are gone or no longer the same.
        """
        data = self.unchanged(file, binned=binned, place=place)
        self._write_thumb(open_picture(data).picture, Path(file).stem)
        return self.thumb_path(Path(file).stem)

    def unchanged(self, file: str, *, binned: bool = False, place: str | None = None) -> bytes:
        """The very bytes that were cleared, which their name tells; `place` is where a picture lies that was not copied.

        Raises BadInput when they are gone or no longer the same.
        """
        try:
            data = self.path(file, binned=binned).read_bytes() if place is None else read_file(Path(place))
        except (OSError, BadPicture):
            data = b""
        if sha256(data) != Path(file).stem:
            where = "This picture's file" if place is None else "This picture's file in its folder"
            state = "gone or was changed" if place is not None else "gone or damaged"
            raise BadInput("file", f"{where} is {state}; `python -m studio check` says more.")
        return data

    def shown(self, file: str, *, binned: bool = False, place: str | None = None) -> Path | None:
        """A stored picture as an editor shows it: itself, or where its long side is over 2,048 pixels a copy of that size.

        The copy is made only from the very bytes that were cleared, and kept beside the thumbnails. None for a picture that was
        not copied and needs no smaller one: whoever asks serves it as it serves the whole. Raises BadInput when the bytes are
        gone or no longer the same.
        """
        path = self.path(file, binned=binned)
        copy = self._shown(path.stem)
        if copy.exists():
            return copy
        data = self.unchanged(file, binned=binned, place=place)
        picture = open_picture(data).picture if place is not None else None
        if max(picture.size if picture is not None else size_of(data)) <= SHOWN_SIDE:
            return path if place is None else None
        picture = picture or open_picture(data).picture
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
        write_whole(copy, webp(picture, quality=92), durable=False)
        return copy

    def path(self, file: str, *, binned: bool = False) -> Path:
        """Where a picture lies, by its name; raises BadInput for a name that this class did not make."""
        return self.home / ("bin" if binned else "pictures") / _plain(_FILE, file)

    def thumb_path(self, sha: str) -> Path:
        """Where the thumbnail of a picture lies, or may lie: a JPEG, or a WebP where it is transparent or was made long ago."""
        ways = [self._thumb(sha, ending) for ending in THUMB_ENDINGS]
        return next((path for path in ways if path.exists()), ways[0])

    def _thumb(self, sha: str, ending: str) -> Path:
        return self.home / "thumbs" / f"{_plain(_SHA, sha)}.{ending}"

    def _shown(self, sha: str) -> Path:
        return self.home / "thumbs" / f"{_plain(_SHA, sha)}-{SHOWN_SIDE}.webp"

    def to_bin(self, file: str) -> None:
        """Move a picture to the bin; one that is there already stays."""
        self._move(self.path(file), self.path(file, binned=True))

    def from_bin(self, file: str) -> None:
        """Move a picture back from the bin; one that is back already stays."""
        self._move(self.path(file, binned=True), self.path(file))

    def move_all(self, files: Iterable[str], *, binned: bool) -> None:
        """Move many pictures to the bin or back, as `to_bin` and `from_bin` do, with one sync of the folders for all."""
        moved = False
        with _storage(self.home):
            for file in files:
                there, here = self.path(file, binned=True), self.path(file)
                with suppress(FileNotFoundError):
                    (here if binned else there).replace(there if binned else here)
                    moved = True
            if moved:
                for name in ("bin", "pictures") if binned else ("pictures", "bin"):
                    sync_folder(self.home / name)

    def drop(self, file: str, *, binned: bool = False) -> None:
        """Remove a picture, its thumbnail and its copy in the bin for good.

        Of one that lies in the bin (`binned`), what lies among the pictures too is the same picture just coming in: that stays.
        """
        with _storage(self.home):
            stored, bin = self.path(file), self.path(file, binned=True)
            coming = binned and bin.exists() and stored.exists()
            derived = [self._thumb(stored.stem, ending) for ending in THUMB_ENDINGS] + [self._shown(stored.stem)]
            for path in (bin,) if coming else (stored, bin, *derived):
                path.unlink(missing_ok=True)

    def _move(self, source: Path, target: Path) -> None:
        with _storage(self.home):
            try:
                source.replace(target)
            except FileNotFoundError:
                return
            for folder in (target.parent, source.parent):
                sync_folder(folder)

    # --- previews -----------------------------------------------------------------------------------------------------

    def preview(self, cleared: Cleared, name: str, *, xmp: bytes = b"", quality: int = 84) -> str:
        """Write a picture for the page to show while a job runs, or to hand out; returns its file name, `<name>.webp`.

        `xmp`: what a picture that is handed out says of itself.
        """
        file = _plain(_PREVIEW, f"{name.removesuffix('.webp')}.webp")
        data = webp(require_cleared(cleared).picture, quality=quality, xmp=xmp)
        write_whole(self.home / "previews" / file, data, durable=False)
        return file

    def preview_path(self, name: str) -> Path:
        """Where a preview lies; raises BadInput for a name that `preview` did not return."""
        return self.home / "previews" / _plain(_PREVIEW, name)

    def drop_preview(self, name: str) -> None:
        """Remove a preview; one that is gone is fine."""
        with _storage(self.home):
            self.preview_path(name).unlink(missing_ok=True)

    # --- uploads on their way to the gate -----------------------------------------------------------------------------

    def spool(self, data: bytes) -> str:
        """Put bytes that nobody checked where only the worker reads them; returns a name, new each time.

        New each time, because two jobs may be given the same file, and the first to end takes its copy away.
        """
        name = f"{sha256(data)}-{secrets.token_hex(4)}"
        write_whole(self.home / "incoming" / name, data)
        return name

    def spooled(self, name: str) -> bytes:
        """The bytes that `spool` put there; raises BadInput when they are gone."""
        try:
            return (self.home / "incoming" / _plain(_SPOOL, name)).read_bytes()
        except FileNotFoundError as error:
            raise BadInput("file", "The uploaded file is gone; upload it again.") from error

    def unspool(self, name: str) -> None:
        """Take an upload away; one that is gone is fine."""
        with _storage(self.home):
            (self.home / "incoming" / _plain(_SPOOL, name)).unlink(missing_ok=True)

    # --- the whole ----------------------------------------------------------------------------------------------------

    def stored(self, *, binned: bool = False) -> list[str]:
        """The names of all pictures, or of those in the bin; other files are not ours and are not told."""
        folder = self.home / ("bin" if binned else "pictures")
        with _storage(folder):
            return sorted(entry.name for entry in os.scandir(folder) if _FILE.fullmatch(entry.name) and entry.is_file())

    def sweep(self, *, uploads: set[str]) -> None:
        """Take away what a crash left half done: temporary files, old previews, uploads that no job in `uploads` needs.

        Only the worker calls this, before it works. Other processes write too, a thumbnail or an upload: a temporary file
        goes when its writer has ended, and what was handed in a moment ago stays.
        """
        now = time.time()
        with _storage(self.home):
            for name in FOLDERS:
                for entry in os.scandir(self.home / name):
                    if not entry.is_file(follow_symlinks=False):
                        continue
                    old = now - entry.stat(follow_symlinks=False).st_mtime > _STALE
                    if name == "incoming":
                        gone = old and entry.name not in uploads
                    else:
                        gone = name == "previews" or (entry.name.startswith(_TEMP) and (old or _left(entry.name)))
                    if gone:
                        Path(entry.path).unlink(missing_ok=True)

    def free(self) -> int:
        """Bytes free on the disk of the home folder."""
        with _storage(self.home):
            return shutil.disk_usage(self.home).free


def _left(temporary: str) -> bool:
    """Whether nobody writes this temporary file any more: its name holds its writer's process id."""
    writer = temporary.removeprefix(_TEMP).partition("-")[0]
    if not writer.isdecimal() or int(writer) == os.getpid():
        return True
    try:
        os.kill(int(writer), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # it runs, under another user
        return False
    return False


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file wholly or not at all: temporary name in the same folder, fsync, rename, fsync the folder.

    `durable=False` leaves the fsyncs out, for what can be made again. Raises StorageFull or StorageBroken.
    """
    temporary = path.parent / f"{_TEMP}{os.getpid()}-{secrets.token_hex(4)}"
    with _storage(path.parent):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def _storage(folder: Path) -> AbstractContextManager[None]:
    """Turn the disk's errors into sentences with a remedy."""
    return explained(
        StorageFull(f"The disk that holds {folder} is full; free some space and try again."),
        lambda why: StorageBroken(f"{folder} cannot be written ({why}); check the folder and its permissions."),
    )


def _plain(pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise BadInput("file", "There is no file of that name here.")
    return name


def _original(cleared: Cleared) -> tuple[bytes, str]:
    """The bytes to keep and their true type, or nothing when the picture is to be written anew."""
    data = cleared.original or b""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data, "png"
    if data.startswith(b"\xff\xd8\xff"):
        return data, "jpg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return data, "webp"
    return b"", ""


def write_pdf(path: Path, pages: Iterable[Image.Image], *, title: str, dpi: int, keywords: str) -> None:
    """Write cleared sheets as the pages of a PDF, one after the other, so that a hundred take no more memory than one.

    The file is not whole before this returns: `path` must be a name that nobody reads.
    """
    begun = False
    for page in pages:
        about = {} if begun else {"title": title, "keywords": keywords, "producer": "Easel"}
        page.save(path, "PDF", append=begun, resolution=dpi, quality=88, **about)
        begun = True
