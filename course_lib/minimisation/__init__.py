"""Data minimisation: what a program needs to know of its inputs, proved, and code that collects no more.

Imports nothing but z3 and the standard library.
"""

from course_lib.minimisation import examples
from course_lib.minimisation.bits import released_bits
from course_lib.minimisation.certificate import Certificate, Claim
from course_lib.minimisation.characterisation import Characterisation, Leaf, characterise
from course_lib.minimisation.distributed import best_distributed
from course_lib.minimisation.errors import (
    EmptyDomain,
    LoopBound,
    MinimisationError,
    SpecificationError,
    Undecided,
    UnsupportedConstruct,
    WeakInvariant,
)
from course_lib.minimisation.knowledge import Verdict, discloses_no_more, knowledge
from course_lib.minimisation.minimiser import DistributedMinimiser, LocalMinimiser, Minimiser
from course_lib.minimisation.monolithic import best_monolithic
from course_lib.minimisation.program import Program, Specification, invariant, program
from course_lib.minimisation.values import ILLEGAL
from course_lib.minimisation.verifying import verify

__all__ = [
    "ILLEGAL",
    "Certificate",
    "Characterisation",
    "Claim",
    "DistributedMinimiser",
    "EmptyDomain",
    "Leaf",
    "LocalMinimiser",
    "LoopBound",
    "Minimiser",
    "MinimisationError",
    "Program",
    "Specification",
    "SpecificationError",
    "Undecided",
    "UnsupportedConstruct",
    "Verdict",
    "WeakInvariant",
    "best_distributed",
    "best_monolithic",
    "characterise",
    "discloses_no_more",
    "examples",
    "invariant",
    "knowledge",
    "program",
    "released_bits",
    "verify",
]
