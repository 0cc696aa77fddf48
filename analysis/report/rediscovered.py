"""What a rediscovery found out about the earlier results: drift, trust, experiments saved."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..campaign.rediscovery import VERDICTS, Finding
from ..written import chance
from .numbers import uncertain
from .table import Campaign


@dataclass(frozen=True)
class Rediscovered:
    """What became of earlier results.

    Attributes
    ----------
    finding : Finding
        What was thought of them after the last experiment.
    sources : tuple of str
        Runs and tables that they are of.
    n : int
        How many they are.
    found_then, found_now : int or None
        Which experiment was handed over then, and now: how many it took to find it.
    differences : tuple of str
        What of the rigs differs, a sentence each.
    """

    finding: Finding
    sources: tuple[str, ...]
    n: int
    found_then: int | None
    found_now: int | None
    differences: tuple[str, ...]

    @property
    def saved(self) -> int | None:
        """By how many experiments what is handed over was found sooner than then."""
        if self.found_then is None or self.found_now is None:
            return None
        return self.found_then - self.found_now

    def remarks(self) -> Iterator[tuple[str, str]]:
        """Say it, each as keyword and sentence."""
        finding = self.finding
        likely = finding.probability.get(finding.verdict)
        how = f", {chance(likely)} likely" if likely is not None else ""
        told = f"{self.n} experiments of {', '.join(self.sources)}: {VERDICTS[finding.verdict]}"
        yield "Earlier", f"{told}{how}, by the first {finding.number} of this campaign"
        if finding.change and finding.verdict != "another":
            yield "Drift", f"at the best of then: {'; '.join(self._changes())}"
        yield "Trust", f"the models use the earlier results {finding.trust}"
        for difference in self.differences:
            yield "Differs", difference
        if self.saved is not None:
            fewer = f"{abs(self.saved)} {'fewer' if self.saved >= 0 else 'more'}"
            yield (
                "Saved",
                f"the best feasible was experiment {self.found_then} then, and is experiment "
                f"{self.found_now} now: {fewer}",
            )

    def _changes(self) -> Iterator[str]:
        for name, found in self.finding.change.items():
            then, now, sd, then_sd, now_sd = found
            if math.isnan(then_sd):  # an earlier version told but the doubt of the change
                sign = "+" if now > then else ""
                yield f"{name} {then:.3g} then, {sign}{uncertain(now - then, sd)} since"
                continue
            changed = abs(now - then) > 2 * sd and then > 2 * then_sd  # of nothing is no share
            by = f" ({now / then - 1:+.0%})" if changed else ""
            yield f"{name} {uncertain(then, then_sd)} then, {uncertain(now, now_sd)} now{by}"

    def evidence(self) -> list[list[str]]:
        """Give what was foretold of each experiment and measured then, below a row of titles."""
        rows = self.finding.compared
        names = [name for name in (rows[0] if rows else {}) if name != "number"]
        return [["no.", *names], *([str(one["number"]), *_cells(one, names)] for one in rows)]

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        finding = self.finding
        return {
            "verdict": finding.verdict,
            "probability": finding.probability,
            "trust": finding.trust,
            "change": {name: found._asdict() for name, found in finding.change.items()},
            "evidence": [
                {
                    "number": one["number"],
                    **{
                        name: dict(zip(("foretold", "sd", "measured"), told, strict=True))
                        for name, told in one.items()
                        if name != "number"
                    },
                }
                for one in finding.compared
            ],
            "sources": list(self.sources),
            "n": self.n,
            "found_then": self.found_then,
            "found_now": self.found_now,
            "saved": self.saved,
            "differences": list(self.differences),
        }


def _cells(one: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    for mean, sd, measured in (one[name] for name in names):
        foretold = uncertain(mean, sd, "\u00b1")
        yield f"{foretold} \u2192 {measured:.4g}"


def rediscovered(campaign: Campaign) -> Rediscovered | None:
    """Read what a stored campaign found out about earlier results; None if it began from none."""
    before = campaign.run.start.get("before")
    if before is None:
        return None
    told = campaign.run.table("rediscovery")
    finding = (
        Finding(0, "unknown", "not yet: nothing has been measured again")
        if told.empty
        else Finding.from_data(dict(told.iloc[-1]))
    )
    sources = tuple(
        f"run {source['run'][:8]}" if "run" in source else str(source["table"])
        for source in before["sources"]
    )
    return Rediscovered(
        finding,
        sources,
        len(before["experiments"]),
        before.get("handed_over"),
        campaign.best_feasible,
        tuple(before.get("differences", ())),
    )
