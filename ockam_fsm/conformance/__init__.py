"""Conformance kits: judge another implementation by the clauses of `spec/sessions.md`, and report a verdict for each.

Every kit makes `Finding`s (report/findings.py) about `Clause`s (report/clauses.py); a `Report` has one verdict for each
clause. In process: write a `Target` (target.py) and call `check_initiator`, `check_responder` or `check_pair`
(inprocess/kit.py).
"""

from __future__ import annotations

from ockam_fsm.conformance.inprocess.kit import again, check_initiator, check_pair, check_program, check_responder
from ockam_fsm.conformance.inprocess.runner import Effort
from ockam_fsm.conformance.inprocess.stateful import sequences, stateful
from ockam_fsm.conformance.reference.reference_end import our_end
from ockam_fsm.conformance.reference.reference_node import our_node
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.target import EndpointUnderTest, Feature, Order, Ordered, Target, Unsupported

__all__ = [
    "Effort",
    "EndpointUnderTest",
    "Feature",
    "Order",
    "Ordered",
    "Report",
    "Target",
    "Unsupported",
    "again",
    "check_initiator",
    "check_pair",
    "check_program",
    "check_responder",
    "our_end",
    "our_node",
    "sequences",
    "stateful",
]
