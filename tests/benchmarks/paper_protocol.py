"""The paper's protocol on the twin: does the faithful optimiser do what it should?

    python -m tests.benchmarks.paper_protocol [--seeds 10] [--runs I,II,III,IV,V,VI]

Batches of 7, 105 experiments, a share of 0.3 exploring, the merit alone modelled (Walker et al.,
React. Chem. Eng. 2017, 2, 785), on the twin with its noise. Prints a markdown table: what each run
gave over the seeds, beside the band expected of a faithful SNOBFIT here, and the paper's own figure
where there is one. Merits depend on the first batch, so they are for orientation only.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.standing import stand

from .lab import HPLC, Lab, Trial, stated

BUDGET = 105
RUNS = ("I", "II", "III", "IV", "V", "VI")


@dataclass(frozen=True)
class Line:
    """A line of the table: a statistic of a campaign, and what is expected of it.

    Attributes
    ----------
    run, text : str
    of : callable
        The statistic of a trial; infinite where there is none.
    expected : float, optional
        Median of a faithful SNOBFIT on this twin.
    band : (float, float), optional
        Its range over ten seeds, in which a median should lie.
    paper : str
        What the paper found on the real reactor.
    """

    run: str
    text: str
    of: Callable[[Trial], float]
    expected: float | None = None
    band: tuple[float, float] | None = None
    paper: str = ""

    def verdict(self, values: Sequence[float]) -> str:
        """Say whether the median is in the band: "in", "OUT" or, without a band, ""."""
        if self.band is None:
            return ""
        return "in" if self.band[0] <= np.median(values) <= self.band[1] else "OUT"


def run(name: str, seed: int) -> Trial:
    """One campaign of the paper's protocol; run I is ``"I"`` and so on."""
    problem = stated(
        f"walker-{name.lower()}",
        batch=7,
        budget=BUDGET,
        optimiser={"engine": "snobfit", "model": "merit", "p": 0.3},
    )
    return Lab([seed, 2017]).campaign(Agent(problem, HPLC, seed), BUDGET)


def feasible_of_100(trial: Trial) -> float:
    """Count the first hundred experiments that were measured inside all windows."""
    return float(trial.agent.standing().feasibility[:100].count("feasible"))


def first_feasible(trial: Trial) -> float:
    """Give the number of the first experiment measured inside all windows."""
    return trial.first(np.array(trial.agent.standing().feasibility) == "feasible")


def best_measured(trial: Trial) -> float:
    """Give the lowest goal measured inside all windows."""
    told = zip(trial.agent.standing().feasibility, trial.agent.evaluations, strict=True)
    return min((found.f for word, found in told if word == "feasible"), default=np.inf)


def best_true(trial: Trial) -> float:
    """Give the lowest noise-free goal of a visited point truly inside all windows."""
    f, violation = trial.truth
    return float(f[violation == 0].min(initial=np.inf))


def best_merit(trial: Trial) -> float:
    """Give the lowest merit, by the scale of the whole campaign."""
    return float(np.nanmin(stand(trial.agent.evaluations, trial.agent.windows).f_soft))


def least_penalty(trial: Trial) -> float:
    """Give the lowest penalty measured."""
    return float(np.nanmin(trial.agent.standing().p))


def handed_goal(trial: Trial) -> float:
    """Give the noise-free goal of the point handed over."""
    return trial.handed_over[0]


def handed_violation(trial: Trial) -> float:
    """Give the noise-free violation of the point handed over."""
    return trial.handed_over[1]


# Reference: the median of another faithful implementation over ten seeds, its range where known.
LINES = (
    Line("I", "best goal, measured", best_measured, None, None, "0.001"),
    Line("II", "feasible of 100", feasible_of_100, 40.5, (24, 46), "46"),
    Line("II", "best feasible goal, measured", best_measured, 0.0083, None, "0.007"),
    Line("II", "lowest merit", best_merit, None, None, "-0.166"),
    Line("III", "best feasible goal, measured", best_measured, 0.0090, None, "0.009"),
    Line("IV", "feasible of 100", feasible_of_100, 0, (0, 0), "0"),
    Line("IV", "lowest penalty, measured", least_penalty, 0.275, None, "0.278"),
    Line("IV", "lowest merit", best_merit, -0.22, None, "-0.212"),
    Line("V", "first feasible", first_feasible, 14, (1, 57), "21"),
    Line("V", "best feasible goal, measured", best_measured, None, None, "0.085"),
    Line("V", "best goal truly feasible", best_true, 0.0777, (0.0752, 0.0836)),
    Line("VI", "best feasible goal, measured", best_measured, 1.22, None, "1.393"),
    Line("VI", "best goal truly feasible", best_true),
    *(
        Line(name, text, of)
        for name in RUNS
        for text, of in (
            ("handed over: noise-free goal", handed_goal),
            ("handed over: noise-free violation", handed_violation),
        )
    ),
)


def table(runs: Sequence[str], seeds: int) -> str:
    """Run the campaigns and set their statistics out in markdown."""
    rows = ["| run | | median [range] | reference [range] | paper | |", "|---|---|---|---|---|---|"]
    for name in runs:
        trials = [run(name, seed) for seed in range(seeds)]
        for line in (line for line in LINES if line.run == name):
            values = [line.of(trial) for trial in trials]
            band = "" if line.band is None else " [{:g}, {:g}]".format(*line.band)
            expected = "" if line.expected is None else f"{line.expected:g}{band}"
            shown = f"{np.median(values):.4g} [{min(values):.4g}, {max(values):.4g}]"
            rows.append(
                f"| {name} | {line.text} | {shown} | {expected} | {line.paper} "
                f"| {line.verdict(values)} |"
            )
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.paper_protocol")
    parser.add_argument("--seeds", type=int, default=10, help="campaigns a run (10)")
    parser.add_argument("--runs", default=",".join(RUNS), help="which runs, such as II,V")
    args = parser.parse_args(argv)
    runs = [name.strip().upper() for name in args.runs.split(",")]
    if unknown := [name for name in runs if name not in RUNS]:
        parser.error(f"no such run: {', '.join(unknown)}; there are {', '.join(RUNS)}")
    print(table(runs, args.seeds))


if __name__ == "__main__":
    main()
