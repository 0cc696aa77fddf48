"""Stored campaigns as the Open Reaction Database keeps reactions; needs the extra ``ord``."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parseaddr
from importlib.metadata import version
from typing import Any

import pandas as pd

from ..analytics import to_start
from ..campaign.keys import measured_key
from .table import NOT_EVALUATED, Campaign

_KINDS = {"smiles": "SMILES", "inchi_key": "INCHI_KEY", "cas": "CAS_NUMBER", "name": "NAME"}


def ord_of(campaigns: Sequence[Campaign], by: str) -> bytes:
    """Give the experiments of campaigns that are `on_record` as an ORD dataset, Protocol Buffers.

    Amounts are those of one heated volume. Compounds are named as the rig file's table
    ``[compounds]`` has them, and by the names of streams and quantities where it does not.

    Parameters
    ----------
    campaigns : sequence of Campaign
    by : str
        Who answers for the records: ``Name <address>``.

    Raises
    ------
    ImportError
        If ord-schema is not installed.
    ValueError
        If nobody answers for them, a campaign was not on a rig, none of their experiments is on
        record, or ORD's own validator refuses what it comes to, such as a SMILES that is none.
    """
    from ord_schema import validations
    from ord_schema.proto import dataset_pb2, reaction_pb2

    name, address = parseaddr(by)
    if not (name and "@" in address):
        raise ValueError(
            "ORD keeps who answers for a record: name somebody with --by 'Anna Beck "
            f"<anna@lab.org>', not {by!r}"
        )
    person = reaction_pb2.Person(name=name, email=address)
    reactions = [
        _Reaction(campaign, reaction_pb2, person).of(int(str(number)), row)
        for campaign in campaigns
        for number, row in on_record(campaign).iterrows()
    ]
    if not reactions:
        raise ValueError(
            "there is nothing to record: no experiment of these runs was made in them and has a "
            "result; name the runs that their old results are from"
        )
    uids = ", ".join(campaign.run.uid for campaign in campaigns)
    dataset = dataset_pb2.Dataset(
        name="; ".join(dict.fromkeys(campaign.title for campaign in campaigns)),
        description=f"{' and '.join(sorted({c.mark for c in campaigns}))}; reactune runs {uids}",
        reactions=reactions,
        dataset_id=f"ord_dataset-{_digest(uids)}",
    )
    options = validations.ValidationOptions(validate_ids=True, require_provenance=True)
    if wrong := validations.validate_message(dataset, raise_on_error=False, options=options).errors:
        raise ValueError(f"ORD's validator refuses it: {wrong[0]}")
    content: bytes = dataset.SerializeToString(deterministic=True)
    return content


def on_record(campaign: Campaign) -> pd.DataFrame:
    """Give the experiments of a campaign that are records of it.

    They have a result, and are stored with what the rig was set to: what was known before is a
    record of where it is from.
    """
    table = campaign.table[campaign.table["valid"] == 1]
    judged = table[(table.index > campaign.known) & (table["feasibility"] != NOT_EVALUATED)]
    return judged.drop(index=[*campaign.lost.intersection(judged.index)])


def unnamed(campaigns: Sequence[Campaign]) -> list[str]:
    """Name the streams and quantities that no compound is stated for."""
    found: dict[str, None] = {}
    for campaign in campaigns:
        rig = campaign.run.start.get("rig", {}).get("file", {})
        names = [*_reagents(rig), *campaign.problem.measured]
        found |= dict.fromkeys(name for name in names if name not in rig.get("compounds", {}))
    return list(found)


def _reagents(rig: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the streams of a rig file that take part in experiments."""
    return {name: s for name, s in rig.get("streams", {}).items() if not s.get("wash")}


class _Reaction:
    """Makes ORD's records of the experiments of one campaign.

    Parameters
    ----------
    campaign : Campaign
    pb : module
        ORD's messages.
    person : Person
        Who answers for them.
    """

    def __init__(self, campaign: Campaign, pb: Any, person: Any) -> None:
        self._campaign, self._pb, self._person = campaign, pb, person
        rig = campaign.run.start.get("rig", {}).get("file")
        if rig is None:
            raise ValueError(f"run {campaign.run.uid[:8]} was on no rig: ORD wants to know inputs")
        self._rig: Mapping[str, Any] = rig
        self._reagents = _reagents(rig)
        self._compounds: Mapping[str, Mapping[str, Any]] = rig.get("compounds", {})
        method = json.dumps(to_start(campaign.analytics), sort_keys=True)
        self._method = f"{campaign.analytics.key}, method {_digest(method)[:16]}"

    def of(self, number: int, row: "pd.Series[Any]") -> Any:
        """Make the record of one experiment."""
        pb, uid = self._pb, self._campaign.run.uid
        reaction = pb.Reaction(reaction_id=f"ord-{_digest(f'{uid}:{number}')}")
        for stream, (flow, chosen) in self._flowing(row).items():
            self._input(reaction.inputs[stream], stream, flow, row["residence_time"], chosen)
        reaction.setup.is_automated = True
        reaction.setup.automation_platform = f"reactune {version('reactune')}"
        temperature = reaction.conditions.temperature
        temperature.setpoint.value = row["temperature_setpoint"]
        temperature.setpoint.units = pb.Temperature.CELSIUS
        temperature.control.type = pb.TemperatureConditions.TemperatureControl.CUSTOM
        temperature.control.details = "heated block"
        reaction.conditions.flow.type = pb.FlowConditions.PLUG_FLOW_REACTOR
        volume = self._rig["reactor"]["heated_volume"]
        reaction.conditions.flow.details = f"heated volume {volume:g} uL"
        self._outcome(reaction.outcomes.add(), row)
        reaction.notes.procedure_details = (
            f"{self._campaign.mark}: experiment {number} of run {uid}, sampled on line at the "
            "steady state"
        )
        provenance = reaction.provenance
        if math.isfinite(row["time"]):
            provenance.experiment_start.value = _moment(row["time"])
        provenance.record_created.time.value = _moment(datetime.now(UTC).timestamp())
        provenance.record_created.person.CopyFrom(self._person)
        return reaction

    def _flowing(self, row: "pd.Series[Any]") -> dict[str, tuple[float, str]]:
        """Give the streams of an experiment: the flow [uL/min] of each, and what it was chosen as.

        Of streams that are chosen from only one flows, under the name of the choice.
        """
        flowing = {name: (f"flow_{name}", "") for name in self._reagents}
        for name, spec in self._rig.get("choices", {}).items():
            option = str(row[name])
            if streams := dict(spec["streams"]):
                flowing = {
                    key: told for key, told in flowing.items() if key not in streams.values()
                }
                flowing[streams[option]] = f"flow_{name}", option
            else:
                flowing[spec["stream"]] = f"flow_{spec['stream']}", option
        return {name: (float(row[key]), chosen) for name, (key, chosen) in flowing.items()}

    def _input(self, made: Any, stream: str, flow: float, minutes: float, chosen: str) -> None:
        """Say what a stream brings; stock in mM, flow in uL/min."""
        pb, stock = self._pb, float(self._reagents[stream]["stock"])
        made.flow_rate.value, made.flow_rate.units = flow, pb.FlowRate.MICROLITER_PER_MINUTE
        volume = flow * minutes
        reagent = made.components.add(reaction_role=pb.ReactionRole.REACTANT)
        reagent.identifiers.extend(self._identifiers(stream))
        if chosen:
            reagent.identifiers.add(type=pb.CompoundIdentifier.NAME, value=chosen)
        reagent.amount.moles.value, reagent.amount.moles.units = stock * volume, pb.Moles.NANOMOLE
        if "solvent" in self._compounds:
            solvent = made.components.add(reaction_role=pb.ReactionRole.SOLVENT)
            solvent.identifiers.extend(self._identifiers("solvent"))
            solvent.amount.volume.value = volume
            solvent.amount.volume.units = pb.Volume.MICROLITER
            solvent.amount.volume_includes_solutes = True

    def _outcome(self, made: Any, row: "pd.Series[Any]") -> None:
        """Say what was measured."""
        pb, campaign = self._pb, self._campaign
        made.reaction_time.value = row["residence_time"]
        made.reaction_time.units = pb.Time.MINUTE
        analysis = made.analyses["analysis"]
        by_hplc = campaign.analytics.key.startswith("hplc")
        analysis.type = pb.Analysis.LC if by_hplc else pb.Analysis.CUSTOM
        analysis.details = self._method
        reagents = [self._compounds.get(stream) for stream in self._reagents]
        for name in campaign.problem.measured:
            left = self._compounds.get(name)
            role = "REACTANT" if left is not None and left in reagents else "PRODUCT"
            product = made.products.add(reaction_role=getattr(pb.ReactionRole, role))
            product.identifiers.extend(self._identifiers(name))
            unit = campaign.analytics.units.get(name, "1")
            measurement = product.measurements.add(
                analysis_key="analysis",
                type=pb.ProductMeasurement.CUSTOM,
                details="mole fraction" if campaign.problem.kind == "fractions" else f"[{unit}]",
            )
            key = measured_key(name)
            measurement.float_value.value = row[key]
            if math.isfinite(row[f"{key}_sd"]):
                measurement.float_value.precision = row[f"{key}_sd"]

    def _identifiers(self, name: str) -> Iterator[Any]:
        """Give the identifiers of a compound; its name here if nothing else is stated."""
        kind = self._pb.CompoundIdentifier
        stated = self._compounds.get(name, {"name": name})
        for key, told in _KINDS.items():
            if stated.get(key):
                yield kind(type=kind.CompoundIdentifierType.Value(told), value=stated[key])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
