"""Certify a minimiser by three legs that do not lean on each other.

1. Proofs by Z3 on Γ: p ∘ m = p and m ∘ m = m, with m read back from the emitted source.
2. Runs of the real function against the emitted source, which is walked: on all inputs up to 131,072
   if half of the time is enough, otherwise on both sides of every cut and on 1,000 seeded inputs.
3. Bestness: the witnesses are replayed by running the program.

A proof on Γ alone is as good as Γ: a slip in the encoding of the program would pass it. Runs alone are as
good as the inputs they try.
"""

from __future__ import annotations

from course_lib.minimisation import certify_distributed, certify_monolithic
from course_lib.minimisation.certificate import Certificate
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.minimiser import DistributedMinimiser, Minimiser
from course_lib.minimisation.program import Program


def verify(program: Program, minimiser: DistributedMinimiser | Minimiser, timeout: float | None = None) -> Certificate:
    """Check a minimiser against the program, trusting neither the code that found it nor the code that wrote it.

    Parameters
    ----------
    minimiser : a distributed one is checked by its emitted source, a monolithic one by its representatives.
    timeout : seconds for everything, or None. What is open by then is "unknown".

    Returns
    -------
    Certificate. The claims of an incomplete minimiser are "unknown".

    Raises
    ------
    UnsupportedConstruct
        for a module whose text holds other forms than the library emits.
    SpecificationError
        where the program breaks its own rules.

    Examples
    --------
    >>> from course_lib.minimisation.distributed import best_distributed
    >>> from course_lib.minimisation.program import program
    >>> old = program("def old(age): return age >= 65", {"age": range(0, 121)})
    >>> dm = best_distributed(old)
    >>> print(verify(old, dm))
    correct: proved
    idempotent: proved
    best: proved
    compared on 121 inputs
    >>> early = dm.with_source("age", dm["age"].source().replace("< 65", "< 64"))
    >>> verify(old, early).correct.counterexample
    {'age': 64}
    """
    leg = certify_monolithic if isinstance(minimiser, Minimiser) else certify_distributed
    return leg.certificate(program, minimiser, Deadline(timeout))
