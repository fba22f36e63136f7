"""What is certified of a minimiser, and what stays open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Claim(str):
    """ "proved", "refuted" or "unknown", with the counterexample or the reason.

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

    Examples
    --------
    >>> from course_lib.minimisation import best_distributed, program, verify
    >>> adult = program("def adult(age): return age >= 18", {"age": range(0, 126)})
    >>> certificate = verify(adult, best_distributed(adult))
    >>> certificate.best == "proved", certificate.concrete_runs
    (True, 126)
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
