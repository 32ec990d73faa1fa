"""One file over HTTP: what was received before an interruption is kept, and only a file with the right hash appears."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import requests

from hemometric.download.checksums import digest_file
from hemometric.errors import DownloadError

_ATTEMPTS = 4
_TIMEOUT_S = (10.0, 60.0)
"""To connect, and between two pieces."""
_PIECE_BYTES = 2**16
_PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
"""What another attempt may mend."""
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, *(status for status in HTTPStatus if status >= 500)}


class Stopped(Exception):  # noqa: N818  no error, and never seen outside
    """The download was ended from outside."""


class MissingFileError(DownloadError):
    """The server lacks a file, or has another than the hash says; the others are not in doubt."""


class Connection:
    """HTTP connections of one thread, kept open from file to file."""

    def __init__(self, *, stop: threading.Event, pause_s: float) -> None:
        """Open nothing yet.

        Args:
            stop: Set where nothing more is wanted.
            pause_s: Before the second attempt; twice as long before each further one.
        """
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # a part of a packed file cannot be gone on with
        self._stop = stop
        self._pause_s = pause_s

    def read_text(self, url: str, *, most_bytes: int) -> str:
        """Return a small text file.

        Raises:
            DownloadError: It cannot be fetched, is longer than `most_bytes`, or is no text.
        """

        def read() -> bytes:
            with self._session.get(url, stream=True, timeout=_TIMEOUT_S) as response:
                _check_status(url, response)
                content = bytearray()
                for piece in response.iter_content(_PIECE_BYTES):
                    content += piece
                    if len(content) > most_bytes:
                        raise DownloadError(f"{url}: is longer than {most_bytes:,} bytes; is it a mirror?")
                return bytes(content)

        try:
            return self._insist(url, read).decode("utf-8")
        except UnicodeDecodeError:
            raise DownloadError(f"{url}: is no text; is it a mirror of PhysioNet's files?") from None

    def fetch(self, url: str, target: Path, *, sha256: str, heard: Callable[[int], None]) -> None:
        """Fetch a file; it appears at `target` whole and with the right hash, or not at all.

        What was received stays beside it, in a hidden file, so that the next attempt goes on there.

        Args:
            url: Where it is.
            target: Where it goes.
            sha256: Of the whole file.
            heard: Is told of every piece how many bytes it has.

        Raises:
            MissingFileError: The server lacks it, or has another one, twice.
            DownloadError: The server cannot be reached or refuses, or the disk cannot be written.
            Stopped: It was asked to.
        """
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(2):  # the second time from its beginning: the part may be of another version of the file
                self._insist(url, lambda: self._receive(url, part, heard))
                if digest_file(part) == sha256:
                    part.replace(target)
                    return
                part.unlink()
        except OSError as error:
            if isinstance(error, requests.RequestException):
                raise
            reason = f"{error.strerror or error}; free space or choose another --out, then go on with --resume"
            raise DownloadError(f"{target}: cannot be written ({reason})") from error
        raise MissingFileError(f"{url}: does not have the SHA-256 that the list of the archive says")

    def _receive(self, url: str, part: Path, heard: Callable[[int], None]) -> bytes:
        had = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={had}-"} if had else {}
        with self._session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""  # the part is whole, or of another file, as its hash will tell
            _check_status(url, response)
            goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT and _starts_at(response, had)
            with part.open("ab" if goes_on else "wb") as stream:
                for piece in response.iter_content(_PIECE_BYTES):
                    if self._stop.is_set():
                        raise Stopped
                    stream.write(piece)
                    heard(len(piece))
        return b""

    def _insist(self, url: str, errand: Callable[[], bytes]) -> bytes:
        """Try several times, with longer and longer pauses, what may be mended so."""
        for attempt in range(_ATTEMPTS - 1):
            try:
                return errand()
            except requests.RequestException as error:
                if not isinstance(error, _PASSING) or self._stop.wait(self._pause_s * 2**attempt):
                    break
        try:
            return errand()
        except requests.RequestException as error:
            raise DownloadError(_explain(url, error)) from error


def _starts_at(response: requests.Response, had: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {had}-")


def _check_status(url: str, response: requests.Response) -> None:
    """Refuse an answer that is not the file.

    Raises:
        requests.ConnectionError: The server is busy; another attempt may help.
        MissingFileError: It lacks the file.
        DownloadError: It refuses.
    """
    status = response.status_code
    if status in _BUSY:
        raise requests.ConnectionError(f"the server answers {status} {response.reason}")
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise MissingFileError(f"{url}: is not there ({status}); is the --base-url right?")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise DownloadError(f"{url}: the server refuses ({status} {response.reason}); only open archives are fetched")
    if not response.ok:
        raise DownloadError(f"{url}: the server answers {status} {response.reason}")


def _explain(url: str, error: requests.RequestException) -> str:
    """Say in one line why a server could not be used; what is below the error is long and names objects."""
    text = str(error)
    known = (
        ("resolve", "its name cannot be resolved"),
        ("refused", "it refuses the connection"),
        ("timed out", "it does not answer in time"),
        ("certificate", "its certificate is not accepted"),
        ("the server answers", text),
    )
    why = next((said for sign, said in known if sign.casefold() in text.casefold()), type(error).__name__)
    return (
        f"{url}: the server cannot be used ({why}); is there a network? A copy elsewhere is named by --base-url; go on "
        "with --resume"
    )
