"""The generated files of the formal specification: TLA+ tables and models, written by `render` and run by `spec`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, RESTART_LOSING
from ockam_fsm.checking.world import World
from ockam_fsm.machines import MACHINES
from ockam_fsm.machines.vocabulary import Creation, Role
from ockam_fsm.projections import tla, tla_model
from ockam_fsm.projections.gallery import Catalogue
from ockam_fsm.projections.tla_model import TlaModel
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, REQUEST, SEND, STOP, WITHDRAW
from ockam_fsm.specification.tlc_channel_model import TlcChannelModel, TlcChannelRecovery, tlc_channel_models
from ockam_fsm.specification.tlc_claims import claim_of
from ockam_fsm.specification.tlc_models import OF_REQUESTS, TlcModel, tlc_models
from ockam_fsm.specification.tlc_node_model import TlcNodeModel, tlc_node_models
from ockam_fsm.specification.tlc_publisher_model import TlcPublisherModel, TlcPublisherRecovery, tlc_publisher_models
from ockam_fsm.specification.tlc_stream_model import TlcConsumerRecovery, TlcStreamModel, tlc_consumer_models
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

FOLDER = "spec/tla"
PACKAGED = Path(__file__).parents[1] / FOLDER
"""The hand-written modules in an installed package; a clone has them in `FOLDER`."""
TABLES, MODELS = f"{FOLDER}/tables", f"{FOLDER}/models"
PAGE = "ockam_fsm/specification/tlc_models.py"
PAGES = {
    TlcNodeModel.extends: "ockam_fsm/specification/tlc_node_model.py",
    TlcStreamModel.extends: "ockam_fsm/specification/tlc_stream_model.py",
    TlcConsumerRecovery.extends: "ockam_fsm/specification/tlc_stream_model.py",
    TlcPublisherModel.extends: "ockam_fsm/specification/tlc_publisher_model.py",
    TlcPublisherRecovery.extends: "ockam_fsm/specification/tlc_publisher_model.py",
    TlcChannelModel.extends: "ockam_fsm/specification/tlc_channel_model.py",
    TlcChannelRecovery.extends: "ockam_fsm/specification/tlc_channel_model.py",
}
REQUEST_STEPS = ("S9_OneReplyEach",)
ORDERS = (OPEN, SEND, REQUEST, WITHDRAW, RENEGOTIATE, CLOSE, STOP)


def texts(book: Catalogue) -> dict[str, str]:
    """Return path -> text of every generated file of the specification."""
    files = {
        f"{TABLES}/{tla.module_name(one.machine.name)}.tla": tla.to_tla(one.machine, one.page, one.summary)
        for one in book.subjects()
    }
    for model in models():
        made = tla_model.texts(model, PAGES.get(model.extends, PAGE))
        files |= {f"{MODELS}/{name}": text for name, text in made.items()}
    return files


@cache
def models() -> tuple[TlaModel, ...]:
    """Return every model that TLC runs, in order."""
    return (
        *map(of_pair, tlc_models()),
        *_requests(),
        *map(of_world, tlc_node_models()),
        *map(of_world, tlc_consumer_models()),
        *map(of_world, tlc_publisher_models()),
        *map(of_channel, tlc_channel_models()),
    )


def checkable(kind: str, book: Catalogue) -> dict[str, str]:
    """Return file name -> text of all files that TLC needs to check a session type, for one folder."""
    model = next(one for one in models() if one.name == f"MC{tla.module_name(kind)}")
    wanted = {f"{MODELS}/{model.name}.tla", f"{MODELS}/{model.name}.cfg"}
    wanted |= {f"{TABLES}/{tla.module_name(machine.name)}.tla" for machine in model.tables.values()}
    generated = {Path(path).name: text for path, text in texts(book).items() if path in wanted}
    return generated | dict(_extended(f"EXTENDS {model.extends}"))


def hand_written() -> Path:
    """Return the folder of the hand-written modules."""
    return PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[2] / FOLDER


def _extended(module: str) -> Iterator[tuple[str, str]]:
    """Yield the hand-written modules that a module extends, directly or indirectly."""
    for line in module.splitlines():
        if line.startswith("EXTENDS "):
            for name in line.removeprefix("EXTENDS ").split(", "):
                path = hand_written() / f"{name}.tla"
                if path.is_file():
                    text = path.read_text(encoding="utf-8")
                    yield path.name, text
                    yield from _extended(text)


def of_pair(one: TlcModel) -> TlaModel:
    """Return the model of two ends. Every bound comes from the world."""
    config, kind = one.config, one.config.session_type
    bounds = {
        "Distinct": config.distinct,
        "Generations": config.generations,
        "Spawns": config.spawns,
        "InFlight": one.world.network.in_flight,
    }
    dimensions = {
        "Implicit": kind.creation is Creation.IMPLICIT,
        "Persistent": kind.persistent,
        "TwoSided": kind.renegotiated_by(Role.RESPONDER),
    }
    return TlaModel(
        name=f"MC{tla.module_name(one.name)}",
        about=one.about,
        extends="Recovery" if one.liveness else "Wrong" if one.wrong else "SessionProperties",
        specification="RecoverySpec" if one.liveness else "RefusalSpec" if config.refusals else "Spec",
        orders={role: _orders(one.world, role) for role in (INITIATOR, RESPONDER)},
        constants={name: str(value).upper() for name, value in (bounds | dict(one.smaller) | dimensions).items()},
        wrong=one.wrong,
        refuted=bool(one.rejects),
        invariants=one.invariants,
        properties=one.steps,
        **_ends(config),
    )


def _ends(config: PairConfig) -> dict[str, Any]:
    """Return the fields of a model that describe the two ends of its session."""
    settings = {role.name.lower(): config.settings(role) for role in (Role.INITIATOR, Role.RESPONDER)}
    tables = {role: found.machine for role, found in settings.items()}
    return {
        "tables": tables,
        "limits": {role: found.limits for role, found in settings.items()},
        "variants": tuple(machine for machine in tables.values() if machine not in MACHINES),
    }


def _orders(world: World, role: str) -> dict[str, int]:
    """Return how often each order and a restart may occur at a role."""
    given, faults = world.orders.get(role, {}), world.faults.get(role, {})
    assert set(given) <= set(ORDERS)
    assert set(faults) <= {RESTART_LOSING}
    assert None not in {*given.values(), *faults.values()}
    orders = {order.upper(): given.get(order) or 0 for order in ORDERS}
    return orders | {"RESTART": faults.get(RESTART_LOSING) or 0}


def of_world(one: TlcWorldModel) -> TlaModel:
    """Return the model of a world with its own module. Every bound comes from the world."""
    return TlaModel(
        name=f"MC{tla.module_name(one.name)}",
        about=one.about,
        extends=one.extends,
        specification=one.specification,
        constants={name: tla.literal(value) for name, value in one.bounds.items()},
        definitions={name: tla.literal(value) for name, value in one.budgets.items()},
        wrong=one.wrong,
        refuted=bool(one.rejects),
        invariants=one.invariants,
        properties=one.steps,
    )


def of_channel(one: TlcChannelModel) -> TlaModel:
    """Return the model of a secure channel: a world with its own module, and the tables of a session."""
    return replace(of_world(one), orders={INITIATOR: one.orders}, **_ends(one.config))


def _requests() -> Iterator[TlaModel]:
    """Yield the models of a synchronous request: one per policy of the caller, and two known-bad machines."""
    fails = {"Reissue": "FALSE", "Sendings": "2", "InFlight": "2"}
    invariants, temporal = ("S8_OneOutcome", "S18_TimerRunsWhilePending"), "R3_EveryRequestIsResolved"
    whole = (*REQUEST_STEPS, temporal)
    again = fails | {"Reissue": "TRUE", "Sendings": "3"}
    about = "a synchronous request that"
    yield TlaModel("MCRequestFails", f"{about} fails with its session", "Request", constants=fails,
                invariants=invariants, properties=whole)  # fmt: skip
    yield TlaModel("MCRequestReissued", f"{about} is reissued after a failure", "Request", constants=again,
                invariants=invariants, properties=whole)  # fmt: skip
    for bad in wrong_sessions():
        if wrong := OF_REQUESTS.get(bad.name):
            claim, name = claim_of(bad, (*invariants, temporal)), f"MC{tla.module_name(bad.name)}"
            of_states = (claim,) if claim in invariants else ()
            yield TlaModel(name, f"{bad.name}: {bad.because}", "Request", constants=fails, wrong=wrong,
                        invariants=of_states, properties=() if of_states else (claim,), refuted=True)  # fmt: skip
