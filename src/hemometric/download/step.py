"""The step itself: which files, all of them, several at a time, checked."""

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from hemometric.download.checksums import SUMS, choose, digest_file, parse_sums
from hemometric.download.projects import BASE_URL, Project, find_project
from hemometric.download.transfer import Connection, MissingFileError
from hemometric.errors import DownloadError, SettingsError
from hemometric.progress import say, track

_CONNECTIONS = 4
"""At a time, so that small files do not wait for each other's way; more would be unkind to a server that is free."""
_AHEAD = 64
_MOST_LIST_BYTES = 2**28
"""That of MIMIC-IV-ECG has 1.6 million lines of 115 bytes."""
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSummary:
    """What was done.

    Attributes:
        out: Where the files are.
        project: The archive.
        n_listed: Files of the archive.
        n_chosen: Files that were wanted.
        n_kept: Of these, those that were there already, and right.
        n_bytes: Received.
    """

    out: Path
    project: Project
    n_listed: int
    n_chosen: int
    n_kept: int
    n_bytes: int

    def text(self) -> str:
        """The account in lines, for people."""
        kept = f", {self.n_kept:,} were there" if self.n_kept else ""
        return (
            f"{self.out}: {self.n_chosen:,} of the {self.n_listed:,} files of {self.project.slug} "
            f"{self.project.version}, all as {SUMS} says ({write_bytes(self.n_bytes)} received{kept})"
        )


def download(
    name: str,
    *,
    out: str | Path,
    only: Sequence[str] = (),
    resume: bool = False,
    base_url: str = BASE_URL,
    pause_s: float = 1.0,
) -> DownloadSummary:
    """Fetch an open archive.

    Args:
        name: One of `PROJECTS`.
        out: The folder of the archive; new or empty unless `resume`.
        only: Patterns of paths, or folders; all files where there are none.
        resume: Keep the files that are there and right, go on with those that are cut, replace the others.
        base_url: Where the files are, as SLUG/VERSION/PATH below it.
        pause_s: Before a second attempt at a file.

    Returns:
        What was done; every file has the hash that the archive says.

    Raises:
        SettingsError: There is no such archive, a pattern chooses nothing, `out` is not empty, or the URL is none.
        DownloadError: The server cannot be used, or lacks files, or has other ones; what was received is kept.
    """
    project, out = find_project(name), Path(out)
    if not base_url.startswith(("http://", "https://")):
        raise SettingsError(f"--base-url {base_url!r}: expected an address that begins with http:// or https://")
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: is a file; name a folder for the archive")
    if not resume and out.is_dir() and any(out.iterdir()):
        raise SettingsError(f"{out}: is not empty; add --resume to go on with what is there, or name another folder")
    stop = threading.Event()
    url = project.url(base_url)
    text = Connection(stop=stop, pause_s=pause_s).read_text(f"{url}/{SUMS}", most_bytes=_MOST_LIST_BYTES)
    sums = parse_sums(text, where=f"{url}/{SUMS}")
    chosen = choose(sums, only, needed=project.needed)
    say(f"{project.name} {project.version}: {project.size} in all; {project.licence}, see LICENSE.txt for what it asks")
    say(f"{project.name}: {len(chosen):,} of {len(sums):,} files from {url}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / SUMS).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DownloadError(f"{out}: cannot be written ({error.strerror or error})") from error
    work = _Work(url=url, out=out, sums=sums, stop=stop, pause_s=pause_s)
    lacking = work.fetch_all(chosen)
    if lacking:
        first = "; ".join(map(str, lacking[:_SHOWN]))
        raise DownloadError(f"{len(lacking):,} of {len(chosen):,} files cannot be had, the others are here: {first}")
    return DownloadSummary(
        out=out,
        project=project,
        n_listed=len(sums),
        n_chosen=len(chosen),
        n_kept=work.n_kept,
        n_bytes=work.n_bytes,
    )


def write_bytes(n_bytes: float) -> str:
    """Write a size for people.

    >>> write_bytes(1_500_000), write_bytes(900)
    ('1.5 MB', '0.0 MB')
    """
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"


@dataclass(slots=True)
class _Work:
    """Files under way.

    Attributes:
        url: Above the paths.
        out: Likewise.
        sums: Hash of each path.
        stop: Set where nothing more is wanted.
        pause_s: Before a second attempt.
        n_bytes: Received so far.
        n_kept: Files that were there.
        n_fetched: Files that were not.
        n_chosen: All that are wanted.
        local: The connection of each thread.
        lock: For the counts.
    """

    url: str
    out: Path
    sums: dict[str, str]
    stop: threading.Event
    pause_s: float
    n_bytes: int = 0
    n_kept: int = 0
    n_fetched: int = 0
    n_chosen: int = 0
    local: threading.local = field(default_factory=threading.local)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch_all(self, chosen: Sequence[str]) -> list[MissingFileError]:
        """Fetch files; return what is wrong with those that the server lacks or has otherwise."""
        self.n_chosen = len(chosen)
        results = self._run(chosen)
        shown = track(results, total=len(chosen), unit="files", title="download", remark=self._remark)
        lacking = []
        with closing(results), closing(shown):
            for trouble in shown:
                if trouble is not None:
                    lacking.append(trouble)
        return lacking

    def _run(self, chosen: Sequence[str]) -> Generator[MissingFileError | None, None, None]:
        """Yield a result for each file as it is done; whatever ends this ends the threads too."""
        waiting: set[Future[MissingFileError | None]] = set()
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            try:
                for path in chosen:
                    waiting.add(threads.submit(self._fetch, path))
                    if len(waiting) >= _AHEAD:
                        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in done)
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                self.stop.set()
                threads.shutdown(cancel_futures=True)

    def _fetch(self, path: str) -> MissingFileError | None:
        target = self.out / path
        if target.is_file() and digest_file(target) == self.sums[path]:
            with self.lock:
                self.n_kept += 1
            return None
        if not hasattr(self.local, "connection"):
            self.local.connection = Connection(stop=self.stop, pause_s=self.pause_s)
        try:
            self.local.connection.fetch(f"{self.url}/{quote(path)}", target, sha256=self.sums[path], heard=self._hear)
        except MissingFileError as error:
            return error
        with self.lock:
            self.n_fetched += 1
        return None

    def _hear(self, n_bytes: int) -> None:
        with self.lock:
            self.n_bytes += n_bytes

    def _remark(self) -> str:
        """What was received, and how much it will be if the other files are as large."""
        so_far = write_bytes(self.n_bytes)
        left = self.n_chosen - self.n_kept - self.n_fetched
        if not self.n_fetched or left <= 0:
            return so_far
        return f"{so_far} of about {write_bytes(self.n_bytes / self.n_fetched * (self.n_fetched + left))}"
