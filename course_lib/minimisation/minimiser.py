"""Best minimisers: what to collect, of a program's inputs, and no more.

A distributed minimiser m = m₁ ⊗ … ⊗ mₙ (Definition 4) maps each input on its own, where it is collected:
p ∘ m = p and m ∘ m = m. It is best (Definition 7) if it discloses no more than any other of its kind.
A monolithic one (Definition 3) sees all inputs at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from course_lib.minimisation.classes import Partition
from course_lib.minimisation.emit import module_source
from course_lib.minimisation.errors import SpecificationError
from course_lib.minimisation.program import Program
from course_lib.minimisation.signatures import Witness
from course_lib.minimisation.values import ILLEGAL


@dataclass(frozen=True)
class LocalMinimiser:
    """The minimiser of one input: its classes, and the module that computes it.

    Parameters
    ----------
    name : the input.
    partition : its classes.
    program_name : for the module's docstring.
    witnesses : values of the other inputs that tell each two classes apart; empty where none are known.
    is_best : whether every two classes are proved to be told apart.
    text : the module's text, where it is not the one written for ``partition``.

    Examples
    --------
    >>> from course_lib.minimisation import best_distributed, program
    >>> dm = best_distributed(program("def old(age): return age >= 65", {"age": range(0, 121)}))
    >>> dm["age"].classes, dm["age"].representatives, dm["age"](80)
    ([[(0, 64)], [(65, 120)]], [0, 65], 65)
    """

    name: str
    partition: Partition = field(repr=False)
    program_name: str
    witnesses: tuple[Witness, ...] = field(default=(), repr=False)
    is_best: bool = True
    text: str | None = field(default=None, repr=False)

    @property
    def classes(self) -> list[list[tuple]]:
        """Each class as its list of inclusive (first, last) runs, in ascending order of smallest values."""
        return self.partition.classes

    @property
    def representatives(self) -> list:
        """The smallest value of each class, in the same order."""
        return self.partition.representatives

    @property
    def sizes(self) -> list[int]:
        """How many values each class has: each one's anonymity set."""
        return self.partition.sizes

    def __call__(self, value: int | bool) -> int | bool:
        """The smallest value of the value's class; raises ValueError outside the domain."""
        runs = self.partition.runs
        if not isinstance(value, int) or not runs[0].first <= value <= runs[-1].last:
            domain = "False or True" if self.partition.is_bool else f"{runs[0].first} to {runs[-1].last}"
            raise ValueError(f"{self.name} must be {domain}, not {value!r}")
        return self.representatives[self.partition.label(int(value))]

    def source(self) -> str:
        """The text of the module that minimises this input: ``partition``, ``representative``, ``minimise``."""
        return self.text or self._written

    @cached_property
    def _written(self) -> str:
        return module_source(self.name, self.partition, self.program_name)


@dataclass(frozen=True)
class DistributedMinimiser:
    """One local minimiser for each input.

    Parameters
    ----------
    program : what is minimised for.
    status : "best", "minimiser" (it minimises; whether a coarser one does is open) or "incomplete".
    method : how the classes were found.
    locals : input -> LocalMinimiser; an input whose classes are not known is missing.
    reasons : input -> what stayed open, where something did.
    seconds : wall-clock time.

    Examples
    --------
    >>> from course_lib.minimisation import best_distributed, program
    >>> dm = best_distributed(program("def f(a, b): return a or b", {"a": bool, "b": bool}))
    >>> dm.status, dm["a"].classes
    ('best', [[(False, False)], [(True, True)]])
    >>> dm({"a": True, "b": False})
    {'a': True, 'b': False}
    """

    program: Program = field(repr=False)
    status: str
    method: str
    locals: Mapping[str, LocalMinimiser]
    reasons: Mapping[str, str] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)

    def __getitem__(self, name: str) -> LocalMinimiser:
        if name not in self.program.domains:
            raise KeyError(f"there is no input {name!r}; the inputs are {', '.join(self.program.domains)}")
        if name not in self.locals:
            raise KeyError(f"the classes of {name!r} are not known: {self.reasons[name]}")
        return self.locals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.program.domains)

    def __call__(self, inputs: Mapping[str, Any] | tuple) -> dict | tuple:
        """The inputs with each one minimised, as they were given: a dict or a tuple in parameter order."""
        if isinstance(inputs, Mapping):
            return {name: self[name](value) for name, value in inputs.items()}
        return tuple(self[name](value) for name, value in zip(self.program.domains, inputs, strict=True))

    def with_source(self, name: str, text: str) -> DistributedMinimiser:
        """The same minimiser with another text for one module, for ``verify``: nothing is claimed of it."""
        changed = {**self.locals, name: replace(self[name], text=text, is_best=False)}
        return replace(
            self,
            status="incomplete",
            locals=changed,
            reasons={**self.reasons, name: "its module was replaced and is not verified yet"},
        )

    def write(self, folder: str | Path) -> list[Path]:
        """Write one module an input, ``minimise_NAME.py``, into a folder, which is made if need be.

        Returns
        -------
        The paths, in the order of the inputs.

        Raises
        ------
        ValueError
            for an incomplete minimiser: nothing is written.

        Examples
        --------
        From a function in a file to written modules and a certificate:

        >>> from tempfile import TemporaryDirectory
        >>> from course_lib.minimisation import best_distributed, program, verify
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "support.py")
        ...     _ = file.write_text("def support(income, children): return income < 12_000 + 3_000 * children")
        ...     domains = {"income": range(100_001), "children": range(13)}
        ...     form = program(file.read_text(), domains, entry="support")
        ...     found = best_distributed(form)
        ...     [path.name for path in found.write(Path(folder, "forms"))]
        ...     certificate = verify(form, found)
        ...     certificate.correct, certificate.idempotent, certificate.best
        ['minimise_income.py', 'minimise_children.py']
        ('proved', 'proved', 'proved')
        """
        if self.status == "incomplete":
            raise ValueError(f"nothing is written for an incomplete minimiser: {self.explain()}")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"minimise_{name}.py" for name in self.program.domains]
        for path, name in zip(paths, self.program.domains, strict=True):
            path.write_text(self[name].source(), encoding="utf-8")
        return paths

    def why_open(self, name: str) -> str:
        """What stayed open of an input, after its name, in one line.

        Parameters
        ----------
        name : of an input in ``reasons``.
        """
        reason = self.reasons[name].removeprefix(f"{name}: ")
        return f"{name}{', open' if name in self.locals else ''}: {reason}"

    def explain(self) -> str:
        """What was found and proved for each input, and what stayed open, in plain words."""
        lines = [f"{STATUSES[self.status]} for {self.program.name}, by {METHODS[self.method]}."]
        for name, domain in self.program.domains.items():
            if name in self.locals:
                n, size = len(self.locals[name].representatives), domain.size
                told_apart = len(self.locals[name].witnesses)
                proof = f", told apart by {told_apart} witness{'es' * (told_apart != 1)}" if told_apart else ""
                lines.append(f"{name}: {n} class{'es' * (n != 1)} of {size} value{'s' * (size != 1)}{proof}")
            if name in self.reasons:
                lines.append(self.why_open(name))
        return "\n".join(lines)


METHODS = {
    "witness": "witness refinement",
    "exhaustive": "running all inputs",
    "figure7": "Fig. 7",
    "outputs": "asking for one output after the other",
}
STATUSES = {
    "best": "A best minimiser",
    "minimiser": "A minimiser that may collect more than it must",
    "incomplete": "No complete minimiser",
}


@dataclass(frozen=True)
class Minimiser:
    """A monolithic minimiser: one class for each output.

    Parameters
    ----------
    program : what is minimised for.
    status : "best" or "incomplete".
    method : how the classes were found: "exhaustive", "witness" or "outputs"; "auto" where none was.
    representatives : the lexicographically smallest legal input of each class, as tuples in ascending order.
    outputs : what the program gives for each of them.
    sizes : how many legal inputs each class has; None where they were not counted.
    reason : what stayed open.
    seconds : wall-clock time.

    Examples
    --------
    >>> from course_lib.minimisation import best_monolithic, program
    >>> m = best_monolithic(program("def f(a, b): return a or b", {"a": bool, "b": bool}))
    >>> m.n_classes, m.representatives, m((True, False)), m({"a": True, "b": True})
    (2, [(False, False), (False, True)], (False, True), {'a': False, 'b': True})
    """

    program: Program = field(repr=False)
    status: str
    method: str
    representatives: list[tuple]
    outputs: list = field(repr=False)
    sizes: list[int] | None = field(default=None, repr=False)
    reason: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def n_classes(self) -> int:
        """The number of classes of legal inputs: the number of outputs."""
        return len(self.representatives)

    @cached_property
    def _by_output(self) -> dict:
        return dict(zip(self.outputs, self.representatives, strict=True))

    def __call__(self, inputs: Mapping[str, Any] | tuple | int) -> dict | tuple:
        """The representative of the input's class, as a dict for a dict, as a tuple otherwise.

        Raises
        ------
        ValueError
            for an incomplete minimiser, an input outside its domain, or one that breaks the precondition.
        """
        if self.status == "incomplete":
            raise ValueError(f"the minimiser is incomplete: {self.reason}")
        names = list(self.program.domains)
        if isinstance(inputs, int):
            inputs = (inputs,)
        given = dict(inputs) if isinstance(inputs, Mapping) else dict(zip(names, inputs, strict=True))
        output = self.program.run(**given)
        if output == ILLEGAL:
            raise SpecificationError(f"the input breaks the precondition of {self.program.name}", inputs=given)
        representative = self._by_output[output]
        return dict(zip(names, representative, strict=True)) if isinstance(inputs, Mapping) else representative

    def explain(self) -> str:
        """What was found and proved, and what stayed open, in plain words."""
        if self.status == "incomplete":
            return f"No monolithic minimiser for {self.program.name}: {self.reason}"
        return (
            f"A best monolithic minimiser for {self.program.name}, by {METHODS[self.method]}: "
            f"{self.n_classes} class{'es' * (self.n_classes != 1)}, one for each output."
        )
