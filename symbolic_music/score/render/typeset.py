"""Pages of notation from SVG to PDF and PNG by typst, with verovio's own fonts. Needs the pip extra "engrave".

Knows nothing of music.
"""

import base64
import io
import re
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from symbolic_music._extras import require

PIXELS_PER_INCH = 150.0
_SVG = "http://www.w3.org/2000/svg"
_FONT_FILES = ("Leipzig.css", "Liberation.css")
_FONT_DATA = re.compile(r"base64,\s*([A-Za-z0-9+/=]+)")
_PAGE = "#set document(date: none)\n#set page(width: 210mm, height: 297mm, margin: 0pt)\n"
_IMAGE = '#image("{name}", width: 100%, height: 100%)\n'


def pdf_bytes(pages: list[str]) -> bytes:
    """One PDF of pages in SVG, A4 upright; equal pages give equal bytes."""
    (pdf,) = _compile(pages, format="pdf", timestamp=0)
    return pdf


def png_pages(pages: list[str]) -> list[bytes]:
    """A PNG of each page in SVG, A4 upright, `PIXELS_PER_INCH`."""
    return _compile(pages, format="png", ppi=PIXELS_PER_INCH)


def _compile(pages: list[str], **options: Any) -> list[bytes]:
    typst = require("typst")
    files = {f"page{number}.svg": _plain_text(page) for number, page in enumerate(pages)}
    images = "#pagebreak()\n".join(_IMAGE.format(name=name) for name in files)
    files["main.typ"] = (_PAGE + images).encode()
    with _verovio_fonts() as folder:
        # What verovio's fonts lack, such as Chinese, comes from the system where it has it.
        fonts = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False, font_paths=[folder])
        result = typst.compile(files, font_paths=fonts, **options)
    return result if isinstance(result, list) else [result]


@contextmanager
def _verovio_fonts() -> Iterator[Path]:
    """A folder with the fonts that verovio keeps as compressed web fonts in style sheets, as TrueType files."""
    open_font = require("fontTools.ttLib").TTFont
    require("brotli")
    data = Path(str(require("verovio").__file__)).parent / "data"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sheet in _FONT_FILES:
            for number, encoded in enumerate(_FONT_DATA.findall((data / sheet).read_text())):
                # A time of its own would make the bytes of every PDF differ.
                font = open_font(io.BytesIO(base64.b64decode(encoded)), recalcTimestamp=False)
                font.flavor = None
                font.save(folder / f"{sheet}{number}.ttf")
        yield folder


def _plain_text(page: str) -> bytes:
    """A page whose texts any SVG program sets in the right place.

    Verovio sets a line's place and alignment on spans within a text, which few programs besides browsers follow: each
    such span becomes a text of its own. Style sheets that fetch fonts go, and the text font gets its real name.
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(page)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}style" and (child.text or "").startswith("@"):
                parent.remove(child)
            elif child.tag == f"{{{_SVG}}}text":
                place = list(parent).index(child)
                parent.remove(child)
                for offset, text in enumerate(_split_text(child)):
                    parent.insert(place + offset, text)
    return ElementTree.tostring(root).replace(b'"Liberation, serif"', b'"Liberation Serif"')


def _split_text(text: ElementTree.Element) -> list[ElementTree.Element]:
    """A text as one, or as one for each span that has a place of its own."""
    for title in [(parent, child) for parent in text.iter() for child in parent if child.tag.endswith("}title")]:
        title[0].remove(title[1])
    placed = [span for span in text.iter(f"{{{_SVG}}}tspan") if "x" in span.attrib or "y" in span.attrib]
    if not placed:
        return [text]
    parts = []
    for span in placed:
        part = ElementTree.Element(text.tag, {**text.attrib, **span.attrib})
        part.text = span.text
        part.extend(child for child in span if child not in placed)
        parts.append(part)
    return parts
