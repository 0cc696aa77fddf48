"""The columns of a table: which is whose, and in which unit."""

from collections.abc import Mapping
from typing import Any

from ..analytics.failing import FAILED
from ..problem.meaning import shares
from ..problem.model import Problem
from ..problem.units import UnitError, converted, unit
from .sheet import Sheet, SheetError, parsed, parsed_over


class Columns:
    """The columns of a table that a problem knows.

    Parameters
    ----------
    sheet : Sheet
    problem : Problem
    units : mapping of str to str
        Of measured quantities, where they are known.

    Attributes
    ----------
    places : dict of str to int
        Of variables, measured quantities, their uncertainties ``NAME_sd``, and `failed`.
    in_percent : set of str
        Those whose numbers are percentages as they stand.
    shares : set of str
        Measured quantities that are fractions, since their windows are in percent.

    Raises
    ------
    SheetError
        If one is missing or there twice, or its unit measures something else.
    """

    def __init__(self, sheet: Sheet, problem: Problem, units: Mapping[str, str]) -> None:
        self._sheet, self._problem = sheet, problem
        self._stated = {name: variable.unit for name, variable in problem.variables.items()}
        for name in problem.measured:  # an uncertainty has the unit of what it is of
            self._stated |= dict.fromkeys((name, f"{name}_sd"), units.get(name, ""))
        self._units: dict[str, str] = {}  # of columns that have another than the problem
        self.in_percent: set[str] = set()
        self.shares = shares(problem.windows, problem.measured)
        self.places = self._find()

    def _find(self) -> dict[str, int]:
        """Find the column of each variable and quantity, and of what else is known of these."""
        problem, columns = self._problem, dict[str, int]()
        if {f"asked_{v}" for v in problem.variables} <= {parsed(t)[0] for t in self._sheet.titles}:
            raise SheetError(
                f"{self._sheet.path} is no table of a campaign but was exported from stored runs: "
                "give these in its place, each by its uid"
            )
        optional = {FAILED, *(f"{name}_sd" for name in problem.measured)}
        wanted = [*problem.variables, *problem.measured, *optional]
        plain = {name.casefold(): name for name in wanted}
        bare = {name.casefold() for name, in_unit in map(parsed, self._sheet.titles) if not in_unit}
        for i, title in enumerate(self._sheet.titles):
            written, in_unit = parsed(title)
            if written.casefold() not in plain:
                written, in_unit = parsed_over(title)
                if in_unit.casefold() in plain or not ("%" in in_unit or unit(in_unit)):
                    continue  # a quotient, or whatever else somebody keeps
            name = written if written in wanted else plain.get(written.casefold(), "")
            if not name or (name.casefold() in bare and self._is_label(name, in_unit)):
                continue
            if name in columns:
                raise SheetError(f"{self._sheet.path} has two columns {name}; rename one of them")
            self._check_unit(name, in_unit)
            columns[name] = i
        for name in problem.measured:  # an uncertainty is in the unit of what it is of
            of = parsed(self._title(columns, name))[1]
            if own := parsed(self._title(columns, f"{name}_sd"))[1]:
                if of and _plain(own) != _plain(of) and not self._stated[name]:
                    raise SheetError(
                        f"{self._sheet.path} has {name} in {of} and {name}_sd in {own}; bring them "
                        "to one unit"
                    )
                continue
            if name in self.in_percent:
                self.in_percent.add(f"{name}_sd")
            if name in self._units:
                self._units[f"{name}_sd"] = self._units[name]
        if missing := [n for n in (*problem.variables, *problem.measured) if n not in columns]:
            raise SheetError(
                f"{self._sheet.path} has no column {', '.join(missing)}; "
                f"{self._sheet.which_titles} are {', '.join(filter(None, self._sheet.titles))}; "
                f"add {'them' if len(missing) > 1 else 'it'}, with what each row had"
            )
        return columns

    def _title(self, columns: Mapping[str, int], name: str) -> str:
        return self._sheet.titles[columns[name]] if name in columns else ""

    def _is_label(self, name: str, in_unit: str) -> bool:
        """Whether what stands where a unit would says how something was found: ``(NMR)``."""
        if not in_unit or "%" in in_unit:
            return False
        found = unit(in_unit)
        if found is None:
            return True
        # GC, MS and 1H are units, too: of charge, conductance and inductance
        return self._stated.get(name, "") in ("", "1") and "[current]" in dict(found.dimension)

    def _check_unit(self, name: str, in_unit: str) -> None:
        """Note the unit of a column, or refuse one that measures something else."""
        stated, variable = self._stated.get(name, ""), name in self._problem.variables
        if "%" in (in_unit or stated):  # mol% and area-%, too
            self.in_percent.add(name)
        if not in_unit or _plain(in_unit) == _plain(stated):
            return
        if not (variable or stated):
            self._check_share(name, in_unit)
            return
        share = stated == "1" and not variable
        other = (found := unit(in_unit)) and (found.dimension or found.size != 1)
        if share and ("%" in in_unit or not other):  # whatever that is called
            return
        whose = "the problem" if variable else "the rig"
        here = "parts of a whole" if share else stated or "no unit"
        told = f"{self._sheet.path} has {name} in {in_unit}, {whose} in {here}"
        if share or not stated:
            raise SheetError(f"{told}; bring them to one unit")
        try:
            converted(1.0, in_unit, stated)
        except UnitError as error:
            raise SheetError(f"{told}: {error}; bring them to one unit") from None
        self._units[name] = in_unit

    def _check_share(self, name: str, in_unit: str) -> None:
        """Refuse a fraction in anything but parts of one or percent."""
        of, found = name.removesuffix("_sd"), unit(in_unit)
        if "%" in in_unit or found is None or "[current]" in dict(found.dimension):
            return
        if self.is_fraction(name) and (found.dimension or found.size != 1):
            raise SheetError(
                f"{self._sheet.path} has {name} in {in_unit}, and the problem has {of} as a "
                "fraction of 1; write it so, or in %"
            )

    def converted(self, name: str, value: Any, back: bool = False) -> Any:
        """Give a value of the table in the problem's unit, or back, without what rounding adds."""
        if name not in self._units or not isinstance(value, float):
            return value
        there, here = self._units[name], self._stated[name]
        if back:
            return float(f"{converted(value, here, there):.12g}")
        return float(f"{converted(value, there, here):.10g}")

    def is_converted(self, name: str) -> bool:
        """Whether a column has another unit than the problem."""
        return name in self._units

    def is_fraction(self, name: str) -> bool:
        """Whether a measured quantity, or what its uncertainty is of, is a fraction of 1."""
        share = name.removesuffix("_sd") in self.shares
        return share or self._problem.kind == "fractions" or self._stated.get(name) == "1"


_SAME = str.maketrans({"\u00b5": "u", "\u03bc": "u", "\u00b0": "deg", " ": ""})


def _plain(unit: str) -> str:
    """Write a unit in ASCII: of micro and degree there are several signs."""
    return unit.translate(_SAME)
