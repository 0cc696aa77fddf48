"""What of a workbook is lost when it is written anew, found by comparing the two files.

Only what is known to survive, or to be nobody's loss, passes; whatever else a file holds is named.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator

_PASSING = re.compile(
    r"(sheet|template|macroEnabled)\.main|worksheet|sharedStrings|styles|theme|calcChain|"
    r"relationships|core-properties|extended-properties|printerSettings|volatileDependencies|"
    r"chartstyle|chartcolorstyle|vmlDrawing|drawing|person|sheetMetadata|customXmlProperties"
)
"""Last words of the types of parts that are written anew, or that spreadsheets make again.

What those with content of somebody's hold is compared by itself.
"""

_PASSING_NAMES = re.compile(
    r"\[Content_Types\]\.xml|.*\.rels|.*/|docProps/(app|core|thumbnail)\.\w+|xl/metadata(\.xml)?|"
    r"customXml/itemProps\d*\.xml|xl/drawings/[^/]+\.vml"
)

_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
_DRAWINGS = re.compile(r"xl/drawings/[^/]+\.xml")
_CHARTS = re.compile(r"xl/charts/[^/]+\.xml")

_PICTURES = "pictures that are no PNG or JPEG, or lie elsewhere than on a sheet"

_COUNTED = {
    "chart": "charts",
    "chartsheet": "charts",
    "comments": "comments",
    "table": "tables",
    "pivotTable": "pivot tables",
    "pivotCacheDefinition": "pivot tables",
    "pivotCacheRecords": "pivot tables",
    "externalLink": "links to other workbooks",
    "image": _PICTURES,
}
"""Types of parts that get other names when they are written anew: there are as many then."""

_NEWER = "conditional formats, validations or sparklines of Excel's newer kinds"
_SHAPES = "text boxes or shapes"
_CONTROLS = "buttons or other controls"
_OBJECTS = "objects of other programs"
_DATA = "queries or connections to data elsewhere"
_IN_CELLS = "pictures or data types in cells"

_PARTS = {
    r"threadedComments": "threaded comments",
    r"slicer": "slicers",
    r"timeline": "timelines",
    r"ctrlProps|activeX": _CONTROLS,
    r"embeddings": _OBJECTS,
    r"richData|cellimages": _IN_CELLS,
    r"featurePropertyBag": "checkboxes in cells",
    r"connections|queryTables|customXml": _DATA,
    r"xl/model": "a data model",
    r"themeOverride": "charts with colours of their own",
    r"chartEx": "charts of Excel's newer kinds",
    r"diagrams": "diagrams",
    r"/ink/": "ink",
    r"docMetadata": "a sensitivity label",
    r"ignature": "a signature",
    r"webextensions": "add-ins",
    r"docProps/custom": "properties of its own",
}
"""What parts are called by their names, whose types and number are many."""

_ELEMENTS = {
    "conditionalFormattings": _NEWER,
    "sparklineGroups": _NEWER,
    "sqref": _NEWER,  # in attributes everywhere else
    "slicerList": "slicers",
    "timelineRefs": "timelines",
    "controls": _CONTROLS,
    "oleObjects": _OBJECTS,
    "protectedRanges": "ranges that a protected sheet lets be edited",
    "customSheetViews": "views that are kept by name",
    "picture": "a picture behind the cells",
    "legacyDrawingHF": "pictures in its header or footer",
    "drawingHF": "pictures in its header or footer",
    "dataConsolidate": "a consolidation of data",
}
"""Elements of sheets that are read by nobody here, and what they hold."""

_PASSING_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        """
        dimension sheetCalcPr ignoredErrors ignoredError cellWatches cellWatch phoneticPr rPh
        sortState sortCondition extLst ext drawing legacyDrawing AlternateContent Choice Fallback
        xml v is t r rPr b i u strike color sz rFont family scheme vertAlign charset outline shadow
        condense extend
        sheetPr tabColor outlinePr pageSetUpPr pane selection pivotSelection pivotArea references
        reference x cols col mergeCells autoFilter sheetProtection scenarios conditionalFormatting
        dataValidations hyperlinks printOptions pageSetup headerFooter oddHeader oddFooter
        evenHeader evenFooter firstHeader firstFooter rowBreaks colBreaks brk tableParts
        """,
    )
)
"""Of no account, elsewhere when written anew, as rich text is, or left out only where empty."""

_DRAWN = {
    "pic": _PICTURES,
    "graphicFrame": "charts",
    "sp": _SHAPES,
    "cxnSp": _SHAPES,
    "grpSp": _SHAPES,
    "contentPart": "ink",
    "hlinkClick": "links of pictures",
    "srcRect-": "pictures that are cropped",
    "xfrm-rot": "pictures that are turned",
}
_LABELS = {"datalabelsRange": "labels of charts that are taken from cells"}

_NAME = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
_CROPPED = re.compile(rb"<(?:\w+:)?srcRect\s+\w+=")
_TURNED = re.compile(rb"<(?:\w+:)?xfrm\s[^>]*\brot=\"-?[1-9]")
_SPILLING = re.compile(rb"<(?:\w+:)?c\s[^>]*\bcm=")
_RICH = re.compile(rb"<(?:\w+:)?c\s[^>]*\bvm=")
_OBJECT = re.compile(rb"ObjectType=\"(?!Note)\w+\"")
_LIBRARYS = re.compile(
    rb"schemas\.microsoft\.com/(office/2006/metadata|sharepoint)|Microsoft\.SharePoint|"
    rb"officeDocument/2006/bibliography"
)
"""In what document libraries attach to a workbook, and attach again."""


def losses(before: bytes, after: bytes) -> list[str]:
    """Say what a workbook holds that is missing in what would be written in its place.

    Parameters
    ----------
    before, after : bytes
        The files.
    """
    with zipfile.ZipFile(io.BytesIO(before)) as one, zipfile.ZipFile(io.BytesIO(after)) as other:
        old, new = _Package(one), _Package(other)
        return list(dict.fromkeys(_missing(old, new)))


class _Package:
    """The parts of a workbook, and what can be counted of them."""

    def __init__(self, parts: zipfile.ZipFile) -> None:
        self._parts, self.names = parts, parts.namelist()
        types = parts.read("[Content_Types].xml").decode("utf-8", "replace")
        pairs = [(_attribute(tag, "PartName"), tag) for tag in re.findall(r"<[^>]+>", types)]
        self._own = {name.lstrip("/"): _attribute(tag, "ContentType") for name, tag in pairs}
        self._usual = {
            _attribute(tag, "Extension").lower(): _attribute(tag, "ContentType") for _, tag in pairs
        }
        self.kinds = Counter(filter(None, map(self.kind, self.names)))
        self.shapes = self._count(_DRAWINGS, "drawing+xml")
        self.labels = self._count(_CHARTS, "chart+xml")
        sheets = self._content(_SHEETS, "worksheet+xml")
        self.elements = {found[1].decode() for found in _NAME.finditer(sheets)}
        self.spilling, self.rich = len(_SPILLING.findall(sheets)), len(_RICH.findall(sheets))
        self.objects = len(_OBJECT.findall(self._content(re.compile(r".*\.vml"), "vmlDrawing")))

    def type(self, name: str) -> str:
        """Give the last word of a part's type, but of pictures that they are."""
        full = self._own.get(name) or self._usual.get(name.rpartition(".")[2].lower(), "")
        if full.startswith("image/") or name.startswith("xl/media/"):
            return "image"
        return full.removesuffix("+xml")

    def kind(self, name: str) -> str:
        """Give the kind of what is counted; empty for everything else."""
        last = self.type(name).rpartition(".")[2]
        return last if last in _COUNTED and not _PASSING_NAMES.fullmatch(name) else ""

    def passes(self, name: str) -> bool:
        """Whether a part may be missing: it is written anew, or nobody's."""
        if name.startswith("customXml/") and _LIBRARYS.search(self._parts.read(name)):
            return True
        known = (_PASSING_NAMES, _SHEETS, _DRAWINGS)
        if any(pattern.fullmatch(name) for pattern in known):
            return True
        return re.search(rf"[./-]({_PASSING.pattern})$", self.type(name)) is not None

    def _content(self, pattern: re.Pattern[str], ending: str) -> bytes:
        mine = [
            name
            for name in self.names
            if pattern.fullmatch(name) or self._own.get(name, "").endswith(f".{ending}")
        ]
        return b"\n".join(map(self._parts.read, mine))

    def _count(self, pattern: re.Pattern[str], ending: str) -> Counter[str]:
        content = self._content(pattern, ending)
        found = Counter(name[1].decode() for name in _NAME.finditer(content))
        found["srcRect-"] = len(_CROPPED.findall(content))
        found["xfrm-rot"] = len(_TURNED.findall(content))
        return found


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""


def _missing(old: _Package, new: _Package) -> Iterator[str]:
    """Give what is missing, the same perhaps several times."""
    for table, one, other in (
        (_DRAWN, old.shapes, new.shapes),
        (_COUNTED, old.kinds, new.kinds),
        (_LABELS, old.labels, new.labels),
    ):
        yield from (words for name, words in table.items() if other[name] < one[name])
    for name in old.names:
        if not (old.kind(name) or old.passes(name) or name in new.names):
            known = (words for pattern, words in _PARTS.items() if re.search(pattern, name))
            yield next(known, f"a part that is not known here ({name})")
    gone = old.elements - new.elements - _PASSING_ELEMENTS
    yield from (words for name, words in _ELEMENTS.items() if name in gone)
    if gone and not gone & _ELEMENTS.keys():
        yield f"something that is not known here ({min(gone)})"
    if new.spilling < old.spilling:
        yield "formulas that fill further cells by themselves"
    if new.rich < old.rich:
        yield _IN_CELLS
    if new.objects < old.objects:
        yield _CONTROLS
