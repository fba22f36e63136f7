"""Entropy of what is released, on answers that are known."""

import math
import random

import pytest

from course_lib.minimisation import best_distributed, best_monolithic, examples, program, released_bits


def entropy(weights):
    total = sum(weights)
    return -sum(w / total * math.log2(w / total) for w in weights if w)


def test_a_constant_releases_nothing():
    p = program("def f(x, y): return 0", {"x": range(10), "y": bool})
    assert released_bits(p) == pytest.approx(math.log2(20))
    assert released_bits(p, best_distributed(p)) == released_bits(p, best_monolithic(p)) == 0


def test_the_identity_releases_everything():
    p = program("def f(x): return x", {"x": range(8)})
    assert released_bits(p) == released_bits(p, best_distributed(p)) == pytest.approx(3)


@pytest.mark.parametrize("size", [40, 1000])
def test_only_legal_inputs_count(size):
    p = program("def f(x, y):\n    assert x <= y\n    return y == 3", {"x": range(4), "y": range(size)})
    legal = [(x, y) for x in range(4) for y in range(x, size)]
    assert released_bits(p) == pytest.approx(math.log2(len(legal)))
    dm, m = best_distributed(p), best_monolithic(p)
    for minimiser in (dm, m):
        sent = [minimiser(v) for v in legal]
        assert released_bits(p, minimiser) == pytest.approx(entropy([sent.count(r) for r in set(sent)]))


def test_large_domains_are_counted_by_their_classes():
    p = program("def f(x, y):\n    assert x <= 500000 or y\n    return x < 1000", {"x": range(10**6), "y": bool})
    legal = 500001 * 2 + 499999
    assert released_bits(p) == pytest.approx(math.log2(legal))
    assert released_bits(p, best_monolithic(p)) == pytest.approx(entropy([2000, legal - 2000]))
    assert released_bits(p, best_distributed(p)) == pytest.approx(entropy([1000] * 2 + [499001] * 2 + [499999]))


def test_a_prior_is_weighed():
    p = program(examples.or_, examples.DOMAINS["or_"])
    prior = {(False, False): 2, (True, False): 1, (True, True): 1}
    assert released_bits(p, prior=prior) == pytest.approx(1.5)
    assert released_bits(p, best_monolithic(p), prior) == pytest.approx(1)
    single = program(examples.benefit_level, examples.DOMAINS["benefit_level"])
    assert released_bits(single, best_distributed(single), {100: 0.5, 20_000: 0.5}) == pytest.approx(1)
    assert released_bits(single, best_distributed(single), {100: 0.5, 200: 0.5}) == 0


@pytest.mark.parametrize(
    ("prior", "message"),
    [({(True,): 1}, "prior maps inputs"), ({(True, True): -1}, "from 0"), ({(True, True): 0}, "no positive weight")],
)
def test_bad_priors_are_refused(prior, message):
    p = program(examples.or_, examples.DOMAINS["or_"])
    with pytest.raises(ValueError, match=message):
        released_bits(p, prior=prior)


def test_an_illegal_input_has_no_prior():
    p = program("def f(x):\n    assert x > 2\n    return x", {"x": range(6)})
    with pytest.raises(ValueError, match="breaks the precondition"):
        released_bits(p, prior={1: 1})


def test_an_incomplete_minimiser_is_refused():
    p = program("def f(x): return x", {"x": range(10**8)})
    with pytest.raises(ValueError, match="incomplete"):
        released_bits(p, best_distributed(p))


@pytest.mark.parametrize("seed", range(20))
def test_bits_only_ever_fall(seed):
    """raw ≥ distributed ≥ monolithic."""
    table = [random.Random(seed).randrange(3) for _ in range(12)]
    lines = (f"    if x == {i // 4} and y == {i % 4}: return {output}\n" for i, output in enumerate(table))
    p = program("def f(x, y):\n" + "".join(lines), {"x": range(3), "y": range(4)})
    bits = [released_bits(p, m) for m in (None, best_distributed(p), best_monolithic(p))]
    assert bits[0] >= bits[1] - 1e-9 >= bits[2] - 2e-9
    assert bits[2] == pytest.approx(entropy([table.count(o) for o in set(table)]))
