"""Certify a minimiser by three legs that do not lean on each other.

1. Proofs by Z3 on Γ: p ∘ m = p and m ∘ m = m, with m read back from the emitted source.
2. Runs of the real function against the emitted source, which is walked: on all inputs up to 100,000,
   beyond that on both sides of every cut and on 1,000 seeded inputs.
3. Bestness: the witnesses are replayed by running the program.

A proof on Γ alone is as good as Γ: a slip in the encoding of the program would pass it. Runs alone are as
good as the inputs they try.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from random import Random
from typing import Any

import z3

from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.characterisation import Characterisation, characterise, differs
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.emitted import Module, read_module
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.minimiser import DistributedMinimiser
from course_lib.minimisation.program import Program
from course_lib.minimisation.separation import Inseparable, separating_witnesses
from course_lib.minimisation.values import concrete

ALL = 100_000  # inputs up to which all are run
SEEDED = 1000


class Claim(str):
    """"proved", "refuted" or "unknown", with the counterexample or the reason.

    Examples
    --------
    >>> claim = Claim("refuted", {"salary": 10000})
    >>> claim == "refuted", claim.counterexample
    (True, {'salary': 10000})
    """

    counterexample: dict[str, Any] | None
    reason: str

    def __new__(cls, verdict: str, counterexample: dict[str, Any] | None = None, reason: str = "") -> Claim:
        claim = super().__new__(cls, verdict)
        claim.counterexample, claim.reason = counterexample, reason
        return claim


@dataclass(frozen=True)
class Certificate:
    """What is proved of a minimiser.

    Parameters
    ----------
    correct : p ∘ m = p, by proof and by runs; refuted with an input that m changes to another output.
    idempotent : m ∘ m = m.
    best : no minimiser of its kind discloses less; refuted with two values of an input, both
        representatives, that the program never tells apart.
    concrete_runs : how many inputs the real function and the emitted source were compared on.
    seconds : wall-clock time.
    """

    correct: Claim
    idempotent: Claim
    best: Claim
    concrete_runs: int
    seconds: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        lines = []
        for name in ("correct", "idempotent", "best"):
            claim = getattr(self, name)
            detail = f" by {claim.counterexample}" if claim.counterexample else ""
            lines.append(f"{name}: {claim}{detail}{f' ({claim.reason})' if claim.reason else ''}")
        return "\n".join([*lines, f"compared on {self.concrete_runs:,} inputs"])


PROVED = Claim("proved")
