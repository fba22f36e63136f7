"""The definitions, propositions and theorems of Antignac, Sands and Schneider, by brute force on small domains."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import discloses_no_more, kernel, knowledge, partitions

from course_lib.minimisation import best_distributed, best_monolithic, program, released_bits
from course_lib.minimisation.minimiser import DistributedMinimiser

DOMAIN = range(5)
functions = st.lists(st.integers(0, 4), min_size=5, max_size=5).map(lambda values: values.__getitem__)


def pair(f, g):
    return lambda u: (f(u), g(u))


@settings(max_examples=200, deadline=None)
@given(functions, functions)
def test_proposition_2(f, g):
    """The five properties of ⊑."""
    finer = all(any(a <= b for b in kernel(f, DOMAIN)) for a in kernel(g, DOMAIN))
    assert discloses_no_more(f, g, DOMAIN) == finer  # f ⊑ g iff ker f ⊇ ker g
    assert discloses_no_more(lambda u: f(g(u)), g, DOMAIN)  # f ∘ g ⊑ g
    assert discloses_no_more(f, pair(f, g), DOMAIN)  # f ⊑ ⟨f, g⟩
    assert discloses_no_more(pair(f, f), f, DOMAIN)  # ⟨f, f⟩ ⊑ f
    if discloses_no_more(f, g, DOMAIN):  # then |range f| ≤ |range g|
        assert len({f(u) for u in DOMAIN}) <= len({g(u) for u in DOMAIN})


@settings(max_examples=100, deadline=None)
@given(functions, st.integers(0, 4))
def test_knowledge_is_a_block_of_the_kernel(f, u):
    assert frozenset(knowledge(f, u, DOMAIN)) in kernel(f, DOMAIN)


def idempotent_maps(values):
    """All m on these values with m ∘ m = m, as dicts."""
    for images in product(values, repeat=len(values)):
        m = dict(zip(values, images, strict=True))
        if all(m[m[v]] == m[v] for v in values):
            yield m


def as_source(table, names):
    """A program with this table of outputs, in the supported part of Python."""
    lines = [f"def f({', '.join(names)}):"]
    for values, output in table.items():
        test = " and ".join(f"{name} == {value}" for name, value in zip(names, values, strict=True))
        lines.append(f"    if {test}:\n        return {output}")
    return "\n".join([*lines, "    return 0"])


BITS_2 = list(product((0, 1), repeat=2))
BOOLEAN_PROGRAMS = [dict(zip(BITS_2, outputs, strict=True)) for outputs in product((0, 1), repeat=4)]


def monolithic_minimisers(p, inputs):
    return [m for m in idempotent_maps(inputs) if all(p[m[v]] == p[v] for v in inputs)]


def test_proposition_3_a_monolithic_minimiser_is_best_iff_p_is_injective_on_its_range():
    for p in BOOLEAN_PROGRAMS:
        minimisers = monolithic_minimisers(p, BITS_2)
        for m in minimisers:
            best = all(discloses_no_more(m.get, other.get, BITS_2) for other in minimisers)
            outputs = [p[r] for r in set(m.values())]
            assert best == (len(set(outputs)) == len(outputs))


def test_theorem_1_no_hidden_use_gains_from_a_best_monolithic_minimiser():
    """⟨p, h⟩ ∘ m ≡ p for every hidden use h."""
    for p in BOOLEAN_PROGRAMS:
        found = best_monolithic(program(as_source(p, "ab"), {"a": range(2), "b": range(2)}))
        m = {v: found(v) for v in BITS_2}
        for hidden in BOOLEAN_PROGRAMS:
            used = pair(lambda v, p=p, m=m: p[m[v]], lambda v, h=hidden, m=m: h[m[v]])
            assert kernel(used, BITS_2) == kernel(p.get, BITS_2)


def test_theorem_1_fails_for_distributed_minimisers():
    p = {v: v[0] | v[1] for v in BITS_2}
    dm = best_distributed(program("def f(a, b): return a or b", {"a": bool, "b": bool}))
    hidden = pair(p.get, lambda v: dm(tuple(map(bool, v)))[0])  # the hidden use keeps what a sends
    assert kernel(hidden, BITS_2) != kernel(p.get, BITS_2)


def products(first, second):
    """All m = m₁ ⊗ m₂ on the two domains, each m idempotent, with its two parts."""
    for a, b in product(idempotent_maps(first), idempotent_maps(second)):
        yield (a, b), {v: (a[v[0]], b[v[1]]) for v in product(first, second)}


def distributed_minimisers(p, first, second):
    inputs = list(product(first, second))
    return [(parts, m) for parts, m in products(first, second) if all(p[m[v]] == p[v] for v in inputs)]


def told_apart(p, place, one, other, inputs):
    """Whether some values of the other inputs give the two different outputs."""
    rests = {v[:place] + v[place + 1 :] for v in inputs}
    return any(p[r[:place] + (one,) + r[place:]] != p[r[:place] + (other,) + r[place:]] for r in rests)


def all_apart(p, place, values, inputs):
    values = list(values)
    return all(told_apart(p, place, a, b, inputs) for i, a in enumerate(values) for b in values[:i])


def test_proposition_4_holds_with_the_range_of_the_minimiser_in_place_of_the_domain():
    """On {0,1} × {0,1,2} → {0,1}: an iff in 248 of 248 minimisers with values in the range;
    as printed, over the whole domain, it misses most of the best ones."""
    first, second = (0, 1), (0, 1, 2)
    inputs = list(product(first, second))
    n_minimisers = n_right = n_printed = n_best = 0
    for outputs in product((0, 1), repeat=6):
        p = dict(zip(inputs, outputs, strict=True))
        minimisers = distributed_minimisers(p, first, second)
        for (a, b), m in minimisers:
            best = all(discloses_no_more(m.get, other.get, inputs) for _, other in minimisers)
            repaired = all_apart(p, 0, set(a.values()), inputs) and all_apart(p, 1, set(b.values()), inputs)
            printed = all_apart(p, 0, first, inputs) and all_apart(p, 1, second, inputs)
            n_minimisers, n_right, n_best = n_minimisers + 1, n_right + (best == repaired), n_best + best
            n_printed += best == printed
    assert (n_minimisers, n_right) == (248, 248)
    assert n_printed < n_minimisers
    assert n_best > 0


def test_proposition_4_as_printed_is_false_of_the_benefit_level():
    p = {(s,): s < 10 for s in range(20)}
    assert not told_apart(p, 0, 0, 1, list(p))  # 0 and 1 differ, and the best minimiser is best all the same


def put(vector, i, value):
    return (*vector[:i], value, *vector[i + 1 :])


def is_position_wise(m):
    """Proposition 1 without its misprint: m(u) = m(v) iff for all w and i, m(w[i := uᵢ]) = m(w[i := vᵢ])."""
    return all(
        (m[u] == m[v]) == all(m[put(w, i, u[i])] == m[put(w, i, v[i])] for w in m for i in range(2))
        for u in m
        for v in m
    )


def test_proposition_1_holds_one_way_and_up_to_knowledge_the_other():
    """A distributed minimiser has a position-wise kernel; 16 of 216 minimisers on {0,1}² have one and are none."""
    minimisers = [m for p in BOOLEAN_PROGRAMS for m in monolithic_minimisers(p, BITS_2)]
    distributed = [m for _, m in products((0, 1), (0, 1))]
    assert len(minimisers) == 216
    assert all(is_position_wise(m) for m in minimisers if m in distributed)
    counterexamples = [m for m in minimisers if is_position_wise(m) and m not in distributed]
    assert len(counterexamples) == 16
    for m in counterexamples:  # each knows what some product knows
        assert any(kernel(m.get, BITS_2) == kernel(other.get, BITS_2) for other in distributed)


@pytest.mark.parametrize("p", BOOLEAN_PROGRAMS, ids=lambda p: "".join(map(str, p.values())))
def test_theorems_2_and_3_best_minimisers_exist_and_are_found(p):
    read = program(as_source(p, "ab"), {"a": range(2), "b": range(2)})
    m, dm = best_monolithic(read), best_distributed(read)
    found = {v: m(v) for v in BITS_2}, {v: dm(v) for v in BITS_2}
    assert all(discloses_no_more(found[0].get, other.get, BITS_2) for other in monolithic_minimisers(p, BITS_2))
    others = distributed_minimisers(p, (0, 1), (0, 1))
    assert all(discloses_no_more(found[1].get, other.get, BITS_2) for _, other in others)
    assert discloses_no_more(found[0].get, found[1].get, BITS_2)  # the price of distribution is never negative


def test_the_largest_price_of_distribution_of_two_bits_is_that_of_and_and_or():
    prices = {}
    for p in BOOLEAN_PROGRAMS:
        read = program(as_source(p, "ab"), {"a": range(2), "b": range(2)})
        price = released_bits(read, best_distributed(read)) - released_bits(read, best_monolithic(read))
        prices[tuple(p.values())] = price
    assert max(prices.values()) == pytest.approx(1.189, abs=0.0005)
    assert prices[0, 0, 0, 1] == prices[0, 1, 1, 1] == max(prices.values())


def test_the_identity_always_minimises():
    for p in BOOLEAN_PROGRAMS:
        identity = {v: v for v in BITS_2}
        assert identity in monolithic_minimisers(p, BITS_2)
        assert identity in [m for _, m in distributed_minimisers(p, (0, 1), (0, 1))]


def test_theorem_5_a_method_ends_with_all_classes():
    for blocks in partitions(list(range(4))):
        label = {x: i for i, block in enumerate(blocks) for x in block}
        read = program(as_source({(x,): label[x] for x in range(4)}, "x"), {"x": range(4)})
        dm = best_distributed(read, "figure7")
        assert isinstance(dm, DistributedMinimiser)
        assert {frozenset(x for a, b in runs for x in range(a, b + 1)) for runs in dm["x"].classes} == set(blocks)
