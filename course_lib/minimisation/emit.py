"""The source of a minimiser: one readable module for each input, to run where its value is collected."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from course_lib.minimisation.classes import Partition, Run
from course_lib.minimisation.folding import TABLE, Segment, fold, segments

WIDTH = 100
SHORT_TUPLE = 24  # representatives that stand in one tuple whatever their pattern
FEW, WORTH = 8, 12  # more branches than these are a table, unless each covers more runs than those
RESERVED = {
    "partition", "representative", "minimise", "isinstance", "int", "bool", "min", "max", "ValueError",
    "bisect_right", "cuts", "labels",
}  # fmt: skip


def module_source(name: str, partition: Partition, program_name: str) -> str:
    """The module that minimises one input: ``partition``, ``representative`` and ``minimise``.

    Parameters
    ----------
    name : the input; it names the functions' argument too, unless that would hide one of them.
    partition : its classes.
    program_name : for the module's docstring.

    Returns
    -------
    str of Python that needs nothing but Python.

    Examples
    --------
    >>> print(module_source("salary", Partition.of_runs([(0, 9999, 0), (10000, 100000, 1)]), "benefits"))
    \"\"\"Minimiser of salary, an input of benefits: 2 classes stand for 100001 values.\"\"\"
    <BLANKLINE>
    __all__ = ["minimise", "partition", "representative"]
    <BLANKLINE>
    <BLANKLINE>
    def partition(salary: int) -> int:
        \"\"\"The number of the class of salary: 0 or 1.\"\"\"
        if not isinstance(salary, int) or not 0 <= salary <= 100000:
            raise ValueError(f"salary must be a whole number from 0 to 100000, not {salary!r}")
        return 0 if salary < 10000 else 1
    <BLANKLINE>
    <BLANKLINE>
    def representative(k: int) -> int:
        \"\"\"The smallest value of class k.\"\"\"
        if not isinstance(k, int) or not 0 <= k <= 1:
            raise ValueError(f"k must be 0 or 1, not {k!r}")
        return (0, 10000)[k]
    <BLANKLINE>
    <BLANKLINE>
    def minimise(salary: int) -> int:
        \"\"\"The value to send in place of salary: the smallest one that the program treats alike.\"\"\"
        return representative(partition(salary))
    <BLANKLINE>
    """
    argument = "value" if name in RESERVED else name
    kind = "bool" if partition.is_bool else "int"
    n, size = len(partition.representatives), sum(partition.sizes)
    numbers = _numbers(n)
    classes = f"{n} class{'es' * (n > 1)} stand{'s' * (n == 1)} for {size} value{'s' * (size > 1)}"
    body = _indented(_partition_body(argument, partition))
    return "\n".join(
        [
            f'"""Minimiser of {name}, an input of {program_name}: {classes}."""',
            "",
            *(["from bisect import bisect_right", ""] if any("bisect_right" in line for line in body) else []),
            '__all__ = ["minimise", "partition", "representative"]',
            "",
            "",
            f"def partition({argument}: {kind}) -> int:",
            f'    """The number of the class of {name}: {numbers}."""',
            *_domain_check(argument, partition),
            *body,
            "",
            "",
            f"def representative(k: int) -> {kind}:",
            '    """The smallest value of class k."""',
            f"    if not isinstance(k, int) or not 0 <= k <= {n - 1}:",
            f'        raise ValueError(f"k must be {numbers}, not {{k!r}}")',
            *_indented(_representative_body(partition.representatives)),
            "",
            "",
            f"def minimise({argument}: {kind}) -> {kind}:",
            f'    """The value to send in place of {name}: the smallest one that the program treats alike."""',
            f"    return representative(partition({argument}))",
            "",
        ]
    )


def _numbers(n: int) -> str:
    return "0" if n == 1 else "0 or 1" if n == 2 else f"a whole number from 0 to {n - 1}"


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _domain_check(x: str, partition: Partition) -> list[str]:
    first, last = partition.runs[0].first, partition.runs[-1].last
    if partition.is_bool:
        test, wanted = f"{x} not in (False, True)", "False or True"
    else:
        test = f"not isinstance({x}, int) or not {first} <= {x} <= {last}"
        wanted = f"a whole number from {first} to {last}"
    return [f"    if {test}:", f'        raise ValueError(f"{x} must be {wanted}, not {{{x}!r}}")']


def _partition_body(x: str, partition: Partition) -> list[str]:
    if partition.is_bool:
        return [f"return 1 if {x} else 0" if len(partition.runs) == 2 else "return 0"]
    pattern = fold(partition.runs)
    if pattern is None:
        return _described(x, partition.runs, segments(partition.runs))
    rest = f"({_minus(x, pattern.shift)}) % {pattern.period}" if pattern.shift else f"{x} % {pattern.period}"
    parts = segments(pattern.runs)
    if len(parts) == 1 and not parts[0].table:
        return [f"return {_label(rest, parts[0], simple=False)}"]
    if pattern.period <= TABLE:
        return [f"return {_tuple(_all_labels(pattern.runs))}[{rest}]"]
    name = "rest" if x != "rest" else "remainder"
    return [f"{name} = {rest}", *_described(name, pattern.runs, parts)]


def _described(x: str, runs: Sequence[Run], parts: list[Segment]) -> list[str]:
    """Branches where they are few or cover much; else a table of all values, or of the cuts."""
    if len(parts) <= FEW or len(runs) > WORTH * len(parts):
        return _branches(x, parts)
    if runs[-1].last - runs[0].first < TABLE:
        return [f"return {_tuple(_all_labels(runs))}[{_minus(x, runs[0].first)}]"]
    lines, place = [f"cuts = {_tuple([run.first for run in runs[1:]])}"], f"bisect_right(cuts, {x})"
    if [run.label for run in runs] == list(range(len(runs))):
        return [*lines, f"return {place}"]
    return [*lines, f"labels = {_tuple([run.label for run in runs])}", f"return labels[{place}]"]


def _all_labels(runs: Sequence[Run]) -> list[int]:
    return [label for first, last, label in runs for _ in range(first, last + 1)]


def _branches(x: str, parts: list[Segment]) -> list[str]:
    """One test and one return for each segment but the last, which needs no test."""
    exceptions, parts = _exceptions(parts)
    lines = []
    for part in exceptions:
        lines += [f"if {x} == {part.first}:", f"    return {part.start}"]
    tests = _tests(x, parts)
    if len(parts) == 2 and not exceptions and all(part.slope == 0 and not part.table for part in parts):
        return [f"return {parts[0].start} if {tests[0]} else {parts[1].start}"]
    for part, test in zip(parts, tests, strict=False):
        lines += [f"if {test}:", f"    return {_label(x, part)}"]
    return [*lines, f"return {_label(x, parts[-1])}"]


def _exceptions(parts: list[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Single values inside a constant, and the segments without them."""
    exceptions: list[Segment] = []
    rest = list(parts[:1])
    for place, part in enumerate(parts[1:], 1):
        before, following = rest[-1], parts[place + 1] if place + 1 < len(parts) else None
        if exceptions and exceptions[-1].last == part.first - 1:
            rest[-1] = replace(before, last=part.last)
        elif following is not None and _is_exception(before, part, following):
            exceptions.append(part)
        else:
            rest.append(part)
    return exceptions, rest


def _is_exception(before: Segment, part: Segment, following: Segment) -> bool:
    constants = all(map(_is_constant, (before, part, following)))
    return constants and part.first == part.last and before.start == following.start != part.start


def _is_constant(part: Segment) -> bool:
    return part.slope == 0 and not part.table


def _tests(x: str, parts: list[Segment]) -> list[str]:
    """The test of each segment but the last, given that those before it have failed.

    A single value is tested with ==, unless it or what comes before would then pass for what follows.
    """
    tests: list[str] = []
    for place, part in enumerate(parts[:-1]):
        wide = next(p for p in [*parts[place + 1 : -1], parts[-1]] if p.first < p.last or p is parts[-1])
        before = next((p for p in parts[:place][::-1] if p.first < p.last), None)
        plain = all(map(_is_constant, (part, wide))) and (before is None or _is_constant(before))
        sharp = plain and part.start != wide.start and (before is None or before.start != wide.start)
        tests.append(f"{x} == {part.first}" if part.first == part.last and sharp else f"{x} < {part.last + 1}")
    return tests


def _label(x: str, part: Segment, simple: bool = True) -> str:
    """The label as an expression in x; ``x`` may itself be an expression, if not ``simple``."""
    if part.table:
        return f"{_tuple(part.table)}[{x} % {len(part.table)}]"
    if part.slope == 0:
        return f"{part.start}"
    label = _steps(x, part, simple)
    label = label if part.low is None else f"max({label}, {part.low})"
    return label if part.high is None else f"min({label}, {part.high})"


def _steps(x: str, part: Segment, simple: bool) -> str:
    if part.width == 1:
        return _plus(x, part.start - part.base) if part.slope == 1 else f"{part.start + part.base} - {x}"
    distance = _minus(x, part.base)
    steps = f"{distance if distance == x and simple else f'({distance})'} // {part.width}"
    return _plus(steps, part.start) if part.slope == 1 else f"{part.start} - {steps}"


def _plus(x: str, n: int) -> str:
    return x if n == 0 else f"{x} + {n}" if n > 0 else f"{x} - {-n}"


def _minus(x: str, n: int) -> str:
    return _plus(x, -n)


def _tuple(values: Sequence) -> str:
    """A tuple in one line, or in several of at most WIDTH characters inside its brackets."""
    if len(values) == 1:
        return f"({values[0]},)"
    text = ", ".join(map(str, values))
    if len(text) <= WIDTH - 20:
        return f"({text})"
    return "(\n" + textwrap.fill(text + ",", WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8) + "\n    )"


def _representative_body(representatives: list) -> list[str]:
    if isinstance(representatives[0], bool) or len(representatives) <= 2:
        return [f"return {representatives[0] if len(representatives) == 1 else _tuple(representatives) + '[k]'}"]
    lines = _progressions(representatives)
    if len(lines) == 1:
        return [f"return {_line_through(lines[0])}"]
    if len(representatives) <= SHORT_TUPLE or 4 * len(lines) > len(representatives):
        return [f"return {_tuple(representatives)}[k]"]
    branches = []
    for line in lines[:-1]:
        first, last = line[0], line[1]
        test = f"k == {first}" if first == last else f"k < {last + 1}"
        branches += [f"if {test}:", f"    return {_line_through(line)}"]
    return [*branches, f"return {_line_through(lines[-1])}"]


def _progressions(values: list[int]) -> list[tuple[int, int, int, int]]:
    """Stretches (first, last, start, step) of equal steps, of three values or more where there are such."""
    found, place = [], 0
    while place < len(values):
        end = place
        step = values[place + 1] - values[place] if place + 1 < len(values) else 0
        while end + 1 < len(values) and values[end + 1] - values[end] == step:
            end += 1
        if end - place < 2:
            end, step = place, 0
        found.append((place, end, values[place], step))
        place = end + 1
    return found


def _line_through(line: tuple[int, int, int, int]) -> str:
    first, _, start, step = line
    if step == 0:
        return f"{start}"
    return _plus("k" if step == 1 else f"{step} * k", start - step * first)
