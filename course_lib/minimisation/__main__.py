"""Turn a function of a file into minimisers, one module an input, with a certificate.

``python -m course_lib.minimisation FILE:FUNCTION --domain salary=0..100000 --domain member=bool --write FOLDER``
The file is parsed and never run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib.minimisation.bits import released_bits
from course_lib.minimisation.classes import Partition
from course_lib.minimisation.distributed import METHODS, best_distributed
from course_lib.minimisation.errors import MinimisationError
from course_lib.minimisation.minimiser import DistributedMinimiser, LocalMinimiser
from course_lib.minimisation.program import Program, program
from course_lib.minimisation.verifying import verify

SHOWN = 6  # classes, and runs of a class, that a report lists


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 1 for what cannot be minimised or proved, 2 for bad usage.

    Parameters
    ----------
    arguments : the words after the command's name; None for those of the command line.

    Examples
    --------
    >>> main(["nowhere.py:level", "--domain", "age=0..120"])  # said on standard error: there is no such file
    1
    """
    parser = argparse.ArgumentParser(prog="python -m course_lib.minimisation", description=__doc__.split("\n")[0])
    parser.add_argument("program", metavar="FILE:FUNCTION", help="a Python file and a function in it")
    parser.add_argument(
        "--domain", metavar="NAME=DOMAIN", action="append", default=[], help="salary=0..100000, or x=bool"
    )
    parser.add_argument("--write", metavar="FOLDER", type=Path, help="write minimise_NAME.py for each input")
    parser.add_argument("--method", choices=METHODS, default="auto")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to find the classes, and to verify (60)")
    parser.add_argument("--fallback", choices=["identity"], help="collect an input as it is where it stays open")
    options = parser.parse_args(arguments)
    file, _, function = options.program.rpartition(":")
    if not file or not function:
        parser.error(f"{options.program!r} is not of the form FILE:FUNCTION")
    try:
        domains = dict(_domain(text) for text in options.domain)
        text = Path(file).read_text(encoding="utf-8")
        p = program(text, domains, entry=function)
        dm = best_distributed(p, options.method, options.timeout, options.fallback)
        lines, proved = report(p, dm, options.timeout)
        print("\n".join(lines))
        if options.write and proved:
            print("", *(f"written: {path}" for path in dm.write(options.write)), sep="\n")
        elif options.write:
            print("\nnothing is written")
    except MinimisationError as error:
        place = file if error.line is None else f"{file}:{error.line}"
        print(f"{place}: {type(error).__name__}: {error.reason}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"{file}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1
    return 0 if proved else 1


def _domain(text: str) -> tuple[str, object]:
    name, _, values = text.partition("=")
    if values == "bool":
        return name, bool
    first, dots, last = values.partition("..")
    try:
        return name, range(int(first), int(last if dots else first) + 1)
    except ValueError:
        raise ValueError(f"--domain {text!r} is not of the form NAME=FIRST..LAST or NAME=bool") from None


def report(p: Program, dm: DistributedMinimiser, timeout: float | None = None) -> tuple[list[str], bool]:
    """The findings as lines of plain text, and whether the minimiser is proved correct.

    Examples
    --------
    >>> p = program("def benefits(salary): return salary < 10000", {"salary": range(0, 100_001)})
    >>> lines, proved = report(p, best_distributed(p))
    >>> print(*lines, sep="\\n")
    A best minimiser for benefits, by witness refinement.
    <BLANKLINE>
    salary: 2 classes of 100001 values. Send
             0 for 0..9999 (10000 values)
         10000 for 10000..100000 (90001 values)
    <BLANKLINE>
    correct: proved
    idempotent: proved
    best: proved
    compared on 100,001 inputs
    <BLANKLINE>
    Bits released: 16.61 raw, 0.47 minimised.
    """
    lines = [dm.explain().split("\n")[0], ""]
    for name in p.domains:
        lines += _local(dm[name]) if name in dm.locals else []
        lines += [dm.why_open(name)] if name in dm.reasons else []
    if dm.status == "incomplete":
        return [*lines, "", "No code is written; --fallback identity collects such inputs as they are."], False
    certificate = verify(p, dm, timeout)
    bits = f"{released_bits(p):.2f} raw, {released_bits(p, dm):.2f} minimised"
    proved = certificate.correct == certificate.idempotent == "proved"
    return [*lines, "", *str(certificate).split("\n"), "", f"Bits released: {bits}."], proved


def _local(local: LocalMinimiser) -> list[str]:
    n, size = len(local.classes), sum(local.sizes)
    if n == size:
        return [f"{local.name}: each of its {size} values matters. Send it as it is."]
    if n == 1:
        return [f"{local.name}: none of its {size} values matters. Send {local.representatives[0]}, or nothing."]
    lines = [f"{local.name}: {n} classes of {size} values. Send"]
    width = max(len(str(r)) for r in local.representatives[:SHOWN])
    for label in range(min(n, SHOWN)):
        runs = _runs(local.partition, label)
        count = local.sizes[label]
        what = f"{runs} ({count} value{'s' * (count > 1)})"
        lines.append(f"    {str(local.representatives[label]).rjust(width)} for {what}")
    return lines + ([f"    and {n - SHOWN} more classes"] if n > SHOWN else [])


def _runs(partition: Partition, label: int) -> str:
    runs = partition.classes[label]
    shown = ", ".join(f"{first}" if first == last else f"{first}..{last}" for first, last in runs[:SHOWN])
    return shown + (f", … {len(runs) - SHOWN} more runs" if len(runs) > SHOWN else "")


if __name__ == "__main__":
    sys.exit(main())
