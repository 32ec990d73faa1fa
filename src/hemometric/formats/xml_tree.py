"""The one door through which XML comes in: bounded, and without anything that a file could make grow or fetch."""

import re
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from hemometric.errors import ReadError

MOST_BYTES = 2**24
"""Of a file: 10 minutes of 12 leads at 500 Hz as decimal text (aECG), hours as base64."""
MOST_ELEMENTS = 2**18
"""Elements and attributes together; files with all measurements of an ECG have a few thousand."""
DEEPEST = 100
"""Elements within elements; aECG needs about 25."""

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)["']""")
_OF_SEVERAL_BYTES = frozenset(
    {"big5", "cp932", "cp936", "cp949", "cp950", "euc-jp", "euc-kr", "gb18030", "gb2312", "gbk", "ks_c_5601-1987"}
    | {"shift-jis", "shift_jis", "windows-31j"}
)
"""Encodings of East Asia: expat knows none of them, Python all."""


class _UnsafeXmlError(Exception):
    """The file has what this door does not let through; the message says what."""


class _Builder:
    """Builds the tree; names in lower case and without namespace, as the three formats differ in nothing else."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0
        self._n_elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._n_elements += 1 + len(attributes)
        if self._depth > DEEPEST:
            raise _UnsafeXmlError(f"nests elements deeper than {DEEPEST}")
        if self._n_elements > MOST_ELEMENTS:
            raise _UnsafeXmlError(f"holds more than {MOST_ELEMENTS:,} elements and attributes")
        # An attribute with a namespace (xsi:type) would take the place of one without.
        own = {name.lower(): value for name, value in attributes.items() if "}" not in name}
        self._builder.start(tag.rpartition("}")[2].lower(), own)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag.rpartition("}")[2].lower())

    def data(self, data: str) -> None:
        self._builder.data(data)

    def close(self) -> Element:
        return self._builder.close()


def open_tree(path: Path, root: str) -> Element:
    """Read an XML file.

    Args:
        path: The file; UTF-8, UTF-16, ISO 8859 and the encodings that its declaration may name.
        root: What its root element must be called, in lower case and without namespace.

    Returns:
        The root element. Names of elements and attributes are in lower case; namespaces are dropped, and attributes
        that have one left out.

    Raises:
        ReadError: "unreadable"; "too-long" (`MOST_BYTES`); "unsafe-xml" (entities, an internal document type, a
            reference outside, more than `MOST_ELEMENTS`, deeper than `DEEPEST`); "unsupported-format" (encoding);
            "corrupt" (not well-formed, or another root).
    """
    content = _read(path)
    try:
        found = _parse(content)
    except _UnsafeXmlError as error:
        _refuse(path, str(error))
    except DefusedXmlException as error:
        _refuse(path, f"declares an entity or refers to another file ({type(error).__name__})")
    except LookupError as error:
        raise ReadError(path, f"XML in an {_first_line(error)}; save it as UTF-8", code="unsupported-format") from error
    except (ParseError, ExpatError, ValueError) as error:
        reason = f"XML that is cut or damaged ({_first_line(error)}); export the file again"
        raise ReadError(path, reason, code="corrupt") from error
    if found.tag != root:
        raise ReadError(path, f"its root element is <{found.tag[:40]}>, expected <{root}>", code="corrupt")
    return found


def find_text(element: Element | None, tags: str) -> str:
    """Return the text of the first element at a path of lower-case tags, stripped, or "" where there is none."""
    return "" if element is None else (element.findtext(tags) or "").strip()


def find_attribute(element: Element | None, tags: str, name: str) -> str:
    """Return an attribute of the first element at a path of lower-case tags, stripped, or "" where there is none."""
    found = None if element is None else element.find(tags)
    return "" if found is None else found.get(name, "").strip()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ReadError(path, f"cannot be read: {error.strerror}", code="unreadable") from error
    if len(content) > MOST_BYTES:
        reason = f"is larger than {MOST_BYTES >> 20} MiB, which no XML file of a resting ECG is; cut it to minutes"
        raise ReadError(path, reason, code="too-long")
    return content


def _parse(content: bytes) -> Element:
    declared = _DECLARED.match(content)
    encoding = declared.group(1).decode("ascii").lower() if declared else ""
    parser = XMLParser(target=_Builder())
    # An attribute with a default in the file's own document type would be copied to each of its elements.
    parser.parser.StartDoctypeDeclHandler = _check_doctype
    parser.feed(content.decode(encoding) if encoding in _OF_SEVERAL_BYTES else content)
    root: Element = parser.close()
    return root


def _check_doctype(_name: str, _system: str | None, _public: str | None, has_internal: int) -> None:
    if has_internal:
        raise _UnsafeXmlError("has a document type of its own")


def _refuse(path: Path, what: str) -> NoReturn:
    reason = f"XML that {what}, which no ECG needs: not read, since such files can exhaust a machine"
    raise ReadError(path, reason, code="unsafe-xml")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120]
