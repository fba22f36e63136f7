"""Run the whole recipe of the shadow-model attack: ``python -m course_lib.membership run``.

``python -m course_lib.membership run data.name=digits shadow.n_models=8``. Settings are written ``a.b=c`` or
``A.B c``. ``--settings FILE.toml`` is read first; the command line wins. ``--help`` lists every key.
"""

from __future__ import annotations

import argparse
import sys

from course_lib.membership.overrides import SettingsError
from course_lib.membership.run import RunReport, run_recipe
from course_lib.membership.settings import resolve_settings, settings_help

MEASURES = ("auc", "tpr_at_0.01_fpr", "tpr_at_0.001_fpr", "balanced_accuracy", "precision", "recall")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 1 for a run that fails, 2 for bad settings, 130 interrupted.

    Parameters
    ----------
    arguments : the words after the command's name; None for those of the command line.

    Examples
    --------
    >>> main(["run", "shadow.n_model=4"])  # said on standard error: did you mean shadow.n_models?
    2
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.membership",
        description="Train a victim and shadows, attack the victim, report. The same command again goes on\n"
        "where it was interrupted; what is finished is not trained again.",
        epilog="settings, written KEY=VALUE or KEY VALUE in any case:\n" + settings_help().replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=["run"], help="the whole recipe")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="settings, listed below")
    parser.add_argument(
        "--settings", metavar="FILE", help="TOML, or the settings.json of a run; read first, the command line wins"
    )
    options = parser.parse_intermixed_args(arguments)
    try:
        report = run_recipe(resolve_settings(options.words, options.settings), say=lambda line: print(line, flush=True))
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on after the last finished shadow", file=sys.stderr)
        return 130
    print("\n".join(lines_of(report)))
    return 0


def lines_of(report: RunReport) -> list[str]:
    """The report as lines of text, aligned: accuracies, a row an attack, and where everything lies.

    Examples
    --------
    >>> from pathlib import Path
    >>> of = {"victim_train": 1.0, "victim_test": 0.9, "shadows_train": 1.0, "shadows_test": 0.8}
    >>> print(lines_of(RunReport(Path("runs/digits"), of, attacks=[]))[0])
    accuracy, train and test: victim 1.000 and 0.900, shadows 1.000 and 0.800
    """
    of = report.accuracies
    lines = [
        f"accuracy, train and test: victim {of['victim_train']:.3f} and {of['victim_test']:.3f}, "
        f"shadows {of['shadows_train']:.3f} and {of['shadows_test']:.3f}",
        "",
    ]
    heads = ("attack", "AUC", "TPR at 1 % FPR", "at 0.1 %", "balanced accuracy", "precision", "recall")
    table = [heads, *((row["attack"], *map(_number, (row[m] for m in MEASURES))) for row in report.attacks)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines += ["  ".join(_padded(row, widths)) for row in table]
    hindsight = [row["attack"] for row in report.attacks if row["threshold"] == "best in hindsight"]
    if hindsight:
        lines += ["", f"Balanced accuracy, precision and recall of {' and '.join(hindsight)}: at the best threshold in",
                  "hindsight, which flatters them; of the others at thresholds learnt on the shadows."]  # fmt: skip
    return [*lines, "", f"report, scores and models' outputs: {report.folder}"]


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
