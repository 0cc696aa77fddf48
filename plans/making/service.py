"""Now make it: from a stored campaign to a flask of what it has found."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reactune.analysis.campaign.evaluation import asked_of
from reactune.analysis.campaign.keys import outcome_names
from reactune.analysis.problem.units import UnitError, converted
from reactune.analysis.report.made import Made, made_of
from reactune.analysis.report.table import Campaign
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import check_campaign, lineage
from reactune.analysis.storage.run import Run
from reactune.devices.rig.flow_rig import ConditionsError, FlowRig, LedgerError, LimitError
from reactune.devices.rig.safety import SafeReport
from reactune.devices.rig.setpoints import Setpoints, needed, setpoints_of
from reactune.devices.rigfile import RigFile

from ..carrying import CatalogueSource, carry_out, reading, writing
from ..comparing import changed, stored_rig
from ..compatibility import analytics_of, incompatibilities
from ..errors import UserError, told
from ..fitting import chosen, fitted, settings
from ..outcome import Listener
from ..preparation import RigSource, load_rig
from ..reagents import Precautions, reconciled
from ..session import Interrupter
from ..stored import find_run
from .attending import Attendant, check_attended
from .plan import make
from .product import Product
from .washing import lacking

_SLACK = 0.1  # uL that the rounded flows of pumps may make of a volume


@dataclass(frozen=True)
class MakingOutcome:
    """How making a product came out.

    Attributes
    ----------
    made : Made or None
        As it is stored; None if it was over before its run was opened.
    interrupted : bool
        Whether it was ended from outside.
    fault : str
        What ended it, or kept it from being begun; empty otherwise.
    stored : bool
    safe_state : SafeReport or None
        What the rig confirmed when all was over.
    """

    made: Made | None
    interrupted: bool
    fault: str
    stored: bool
    safe_state: SafeReport | None

    @property
    def well(self) -> bool:
        """Whether what was asked for is in the flask, and nobody has to see to anything."""
        safe = self.safe_state is not None and self.safe_state.confirmed
        done = self.made is not None and self.made.ended_well
        return done and self.stored and safe and not self.interrupted and not self.fault


def volume_of(text: str) -> float:
    """Read a volume such as ``5mL`` [uL].

    Raises
    ------
    UserError
        If it is none.
    """
    found = re.fullmatch(r"\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(.*?)\s*", str(text))
    if found is None:
        raise UserError(f"--volume {text}: write a number and a unit, as 5mL")
    unit = found[2]
    if re.match(r"[,.]", unit):
        raise UserError(f"--volume {text}: write a number with a point and nothing else, as 2.5mL")
    if not unit:
        raise UserError(f"--volume {text}: of what? write {text}mL or {text}uL")
    try:
        volume = converted(float(found[1]), unit, "uL")
    except UnitError as error:
        raise UserError(f"--volume {text}: {error}; write it as 5mL") from None
    if volume <= 0:
        raise UserError(f"--volume {text}: a volume to be made is above 0")
    if math.isinf(volume):
        raise UserError(f"--volume {text}: no flask holds so much")
    return volume


def product_of(catalogue: Catalogue, uid: str, rig: RigFile) -> Product:
    """Find what a stored campaign promises, for a rig.

    Raises
    ------
    UserError
        If there is no such campaign, nothing in it is feasible, or the rig is another.
    """
    with told(ValueError, LookupError):
        campaign = Campaign.of(lineage(catalogue, uid))
    short, number = campaign.run.uid[:8], campaign.best_feasible
    run = f"run {short}"
    if len(campaign.problem.aims) > 1:
        raise UserError(
            f"{run} has two goals, and no one best to make; go on with one of them, the other as a "
            f"window (reactune optimise ONE.toml --from {short}), and make that"
        )
    if number is None:
        raise UserError(
            f"{run} has no experiment that is likely inside every window, so there is nothing to "
            f"make; go on with it (reactune optimise --resume {short}), or ask what could be "
            f"reached (reactune redesign {short})"
        )
    leader = campaign.leaders[number]
    if not (expected := leader.expected):
        raise UserError(f"{run} does not say what a repeat would give: an older version stored it")
    start = campaign.run.start
    with told(ValueError):
        problem = fitted(campaign.problem, rig)
        if "file" in start["rig"]:
            before = stored_rig(campaign.run)
            wrong = changed(problem, campaign.analytics, problem.budget, before, rig)
        else:
            wrong = "\n".join(incompatibilities(problem, rig, problem.budget, stored=True))
        if wrong:
            raise UserError(wrong)
    return Product(
        campaign.run.uid,
        number,
        problem,
        analytics_of(rig),
        asked_of({str(k): v for k, v in campaign.table.loc[number].items()}, problem),
        {name: expected[key] for name, key in outcome_names(problem).items()},
        leader.assumed,
    )


def check_ledger(product: Product, rig: RigFile, volume: float) -> None:
    """Refuse what syringes, flasks and coils cannot give: both checks, the volume [uL], the wash.

    Raises
    ------
    UserError
    """
    with told(ConditionsError, LimitError):
        values = settings(product.conditions, product.problem, rig)
        there = setpoints_of({**values, **chosen(product.conditions, rig)}, rig)
    wanted = replace(there, collect=volume)
    check, collect = needed(there, rig), needed(wanted, rig)
    if wrong := lacking(rig):
        raise UserError("\n".join(wrong))
    _check_strokes(wanted, check, collect, rig)
    for name, stream in rig.streams.items():
        left = stream.supply
        if (total := check[name] + collect[name]) > left:
            raise UserError(
                f"stream {name}: making {volume / 1000:.3g} mL, with both checks, needs "
                f"{total / 1000:.2f} mL, and {left / 1000:.2f} mL are left: refill syringe and "
                "flask, or make less"
            )
    for name, choice in rig.choices.items():
        if choice.valve is None:
            continue
        option, pump = there.chosen[name], choice.stream or ""
        total, held = check[pump] + collect[pump], choice.content(option)
        if total > held:
            raise UserError(
                f"{name} {option}: making {volume / 1000:.3g} mL, with both checks, needs "
                f"{total / 1000:.2f} mL, and its coil has {held / 1000:.2f} mL left: fill it, or "
                "make less"
            )


def _check_strokes(
    there: Setpoints, check: Mapping[str, float], collect: Mapping[str, float], rig: RigFile
) -> None:
    """Refuse a volume that takes more than one filling of a syringe, with the one that does not.

    Parameters
    ----------
    there : Setpoints
        With what is to be collected.
    check, collect : mapping of str to float
        What a check alone, and what collecting needs of each stream [uL].
    """
    most, name = min(
        ((rig.streams[name].stroke - check[name]) / flow * there.total, name)
        for name, flow in there.pumped.items()
        if flow
    )
    if there.collect > most:
        raise UserError(
            f"--volume: {there.collect / 1000:.3g} mL needs {collect[name] / 1000:.2f} mL of "
            f"{name}, and one filling of its syringe delivers "
            f"{rig.streams[name].stroke / 1000:.2f} mL; make "
            f"{max(math.floor((most - _SLACK) / 10), 0) / 100:.2f} mL at a time"
        )


def stored_product(catalogue: Catalogue, uid: str, volume: float, rig: FlowRig) -> Product:
    """Find what a stored campaign promises, for a volume [uL] of it on an open rig.

    Raises
    ------
    UserError
        If there is nothing to make, the rig is another, the reagents do not suffice, or a simulated
        product would be made on hardware, or the other way round.
    """
    run = find_run(catalogue, uid)
    product = product_of(catalogue, run.uid, rig.config)
    check_mark(run, simulated=rig.simulated)
    check_ledger(product, rig.config, volume)
    with told(LedgerError):
        rig.setpoints(replace(rig.setpoints(product.settings(rig)), collect=volume))
        rig.washing.check()
    return product


def make_product(
    uid: str,
    volume: float,
    rig: RigSource | None = None,
    *,
    attendant: Attendant,
    catalogue: CatalogueSource = None,
    seed: int = 0,
    listener: Listener | None = None,
    interrupters: Sequence[Interrupter] = (),
    precautions: Precautions = Precautions(),  # noqa: B008 - frozen
) -> MakingOutcome:
    """Make what a stored campaign has found, on a rig that nobody has open.

    Parameters
    ----------
    uid : str
        Of the campaign, or the beginning of it.
    volume : float
        How much [uL].
    rig : RigFile, path or built-in name, optional
        By default the rig of the campaign, where that was emulated.
    attendant : Attendant
        Who puts the flask under the outlet.
    catalogue : Catalogue, path or address, optional
        Where the campaign is stored, and this run will be.
    seed : int
        Of an emulated rig.
    listener, interrupters, precautions
        As in `service.run`.

    Raises
    ------
    UserError
        If there is nothing to make, the rig is another, the reagents do not suffice, nobody is
        there to put a flask, or a simulated product would be made on hardware, or the other way
        round.
    RigTroubleError
        If an instrument does not answer.
    """
    listener = listener or Listener()
    with told(OSError), reading(catalogue) as stored:
        run = find_run(stored, uid)
        config = _rig_of(run, rig)
        product = product_of(stored, run.uid, config)
    if config.emulation:
        check_mark(run, simulated=True)
        config = config.emulating(seed=seed, first_injection=product.number)
    config, _ = reconciled(config, precautions.reagents)
    check_ledger(product, config, volume)
    check_attended(attendant, valve=config.collection is not None)
    with writing(catalogue, listener) as store:
        carried = carry_out(
            lambda opened: make(product, opened, volume, attendant),
            config,
            store,
            listener,
            interrupters,
            precautions,
            lambda mark: check_mark(run, simulated=mark),
        )
        made, kept = None, False
        if uid := carried.uid:
            made, kept = made_of(store[uid]), store[uid].stop is not None and store.stored(uid)
    return MakingOutcome(made, carried.interrupted, carried.fault, kept, carried.safe_state)


def _rig_of(run: Run, rig: RigSource | None) -> RigFile:
    """Give the rig to make it on."""
    with told(ValueError):
        check_campaign(run.start)
    if rig is not None:
        return load_rig(rig)
    config = stored_rig(run) if "file" in run.start["rig"] else None
    if config is None or config.emulation is None:
        raise UserError(
            f"run {run.uid[:8]} was not simulated: give the rig file with --rig, with what is in "
            "the syringes now (streams.*.filled)"
        )
    return load_rig(config)


def check_mark(run: Run, *, simulated: bool) -> None:
    """Refuse to make on hardware what was found in a simulation, and the other way round.

    Raises
    ------
    UserError
    """
    if bool(run.start["simulated"]) != simulated:
        was, now = (
            "simulated" if mark else "on real hardware" for mark in (not simulated, simulated)
        )
        raise UserError(
            f"run {run.uid[:8]} was {was}, this rig is {now}: what was found on one is not made on "
            "the other"
        )
