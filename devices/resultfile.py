"""Analysis by other software, as a rig file states it: which files come, and what they tell."""

from pathlib import Path, PurePath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .tables import Positive, Table, Text
from .written import exact

WORKBOOKS = (".xlsx", ".xlsm")
JSON = ".json"


class QuantitySpec(Table):
    """Where a result file tells a quantity.

    Attributes
    ----------
    column : str
        Title of the column that its value is in.
    row : str
        What stands in a cell of its row, such as the name of a peak; without, the table below the
        titles has one row.
    key : str
        In JSON in place of these: the keys that lead to its value, with points between them;
        a number counts through a list from 0, as in ``peaks.0.fraction``.
    unit : str
        ``1`` or ``%`` for a fraction; any other is that of an amount, such as ``mM``.
    sd : str
        Column, or key, of its standard uncertainty, in the same unit.
    """

    column: Text = ""
    row: Text = ""
    key: Text = ""
    unit: Text = "1"
    sd: Text = ""


class AnalyticsSpec(Table):
    """Analysis by other software, which writes a file for each injection.

    Attributes
    ----------
    kind : str
        ``table``: the file tells the results. ``trace``: it holds the chromatogram, which is
        integrated by the method in ``[chromatogram]``.
    folder : str
        Where the files come; relative to the rig file.
    files : str
        Names that count, such as ``*.csv``, or ``*/DAD1A.ch`` for files in folders.
    duration : float
        How long an analysis takes [s]; a file that is finished before nine tenths of it belongs to
        an earlier injection. That of traces is `chromatogram.duration`.
    timeout : float
        How long after the injection the file has to be complete [s].
    settle : float
        How long a file stays as it is until it counts as complete [s].
    end : str
        What a complete text ends with; by default the end of a line. Empty if nothing can be said.
    decimal : str
        The decimal sign of texts, ``.`` or ``,``; traces tell theirs by themselves.
    channel : str
        Which signal of traces, where a file has several: a part of its title, or a wavelength.
    quantities : table
        Where a result file tells each quantity, by the name that problems measure it by.
    """

    kind: Literal["table", "trace"]
    folder: Text
    files: Text = "*.csv"
    duration: Positive | None = None
    timeout: Positive = 3600.0
    settle: Positive = 5.0
    end: Annotated[str, Field(max_length=100)] = "\n"
    decimal: Literal[".", ","] = "."
    channel: Text = ""
    quantities: dict[Text, QuantitySpec] = Field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the files come."""
        return Path(self.folder)

    @property
    def suffix(self) -> str:
        """How the files' names end, such as ``.csv``: it tells their form."""
        return PurePath(self.files).suffix.lower()

    @model_validator(mode="after")
    def _names(self) -> Self:
        parts = PurePath(self.files).parts
        if "*" not in self.files or "**" in parts or ".." in parts or PurePath(self.files).anchor:
            raise ValueError(
                f"files = {self.files!r} names no new file for each injection: give a pattern with "
                "a * in it, inside the folder, such as '*.csv'"
            )
        return self

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.kind == "trace":
            if given := [key for key in ("duration", "quantities") if getattr(self, key)]:
                raise ValueError(
                    f"{', '.join(given)}: only for kind = 'table'; what is in a trace, and how "
                    "long it is, stands in [chromatogram]: delete it here"
                )
            return self
        if self.duration is None:
            raise ValueError("duration is missing: say how long an analysis takes [s]")
        if self.channel:
            raise ValueError("channel: only for kind = 'trace'; delete it")
        if not self.quantities:
            raise ValueError(
                "quantities is missing: say where the file tells each quantity, such as "
                'X1 = { column = "X1" }'
            )
        self.check_timeout(self.duration)
        return self

    @model_validator(mode="after")
    def _told_somewhere(self) -> Self:
        wanted, other = ("key", "column") if self.suffix == JSON else ("column", "key")
        for name, place in self.quantities.items():
            if not getattr(place, wanted) or getattr(place, other):
                raise ValueError(
                    f"quantities.{name}: in files {self.files!r} a value is found by its {wanted}, "
                    f"not by a {other}: give {wanted}"
                )
            if place.row and self.suffix == JSON:
                raise ValueError(f"quantities.{name}.row: JSON has no rows: delete it")
        return self

    def check_timeout(self, duration: float) -> None:
        """Refuse a time-out that no file can keep (`ValueError`)."""
        if self.timeout <= duration + self.settle:
            raise ValueError(
                f"timeout = {exact(self.timeout)} s ends before an analysis of {exact(duration)} s "
                f"has settled for {exact(self.settle)} s: raise it"
            )
