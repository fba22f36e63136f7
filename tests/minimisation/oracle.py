"""Minimisers by brute force from the definitions, sharing no code with the library: for small domains."""

from itertools import product

ILLEGAL = "illegal"


def values_of(domain):
    """The values of a domain as `program` takes it, False before True."""
    return [False, True] if domain is bool else list(domain)


def outputs(function, domains):
    """Input tuple -> output; a failing assert is one more output."""

    def output(values):
        try:
            return function(*values)
        except AssertionError:
            return ILLEGAL

    return {values: output(values) for values in product(*map(values_of, domains.values()))}


def classes(table, place):
    """The classes of the input at this place as lists of values, in order of their smallest ones."""
    alike = {}
    for value in sorted({values[place] for values in table}):
        rest = {v[:place] + v[place + 1 :]: repr_output(o) for v, o in table.items() if v[place] == value}
        alike.setdefault(tuple(sorted(rest.items(), key=repr)), []).append(value)
    return sorted(alike.values())


def repr_output(output):
    """A text that is the same for outputs that Python calls equal."""
    if isinstance(output, tuple):
        return "(" + ",".join(map(repr_output, output)) + ")"
    return str(int(output)) if isinstance(output, int) else repr(output)


def expanded(runs, is_bool=False):
    """The values of a class given as inclusive runs."""
    values = [x for first, last in runs for x in range(int(first), int(last) + 1)]
    return [bool(x) for x in values] if is_bool else values


def kernel(f, domain):
    """ker f as a set of frozensets (Definition 5)."""
    blocks = {}
    for u in domain:
        blocks.setdefault(f(u), set()).add(u)
    return {frozenset(block) for block in blocks.values()}


def knowledge(f, u, domain):
    """K(f, u) = {v | f(u) = f(v)} (Definition 1)."""
    return {v for v in domain if f(v) == f(u)}


def discloses_no_more(f, g, domain):
    """f ⊑ g (Definition 2)."""
    return all(knowledge(g, u, domain) <= knowledge(f, u, domain) for u in domain)


def partitions(values):
    """All partitions of a list, each a tuple of frozensets."""
    if not values:
        yield ()
        return
    first, rest = values[0], values[1:]
    for smaller in partitions(rest):
        yield (frozenset([first]), *smaller)
        for i, block in enumerate(smaller):
            yield (*smaller[:i], block | {first}, *smaller[i + 1 :])
