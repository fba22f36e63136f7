"""What a minimiser can be asked, and the modules it writes."""

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.minimisation import best_distributed, best_monolithic, examples, program, released_bits, verify


def worked(name):
    return program(getattr(examples, name), examples.DOMAINS[name])


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [name for name in examples.DOMAINS if name not in ("loyalty_weak", "unneeded")])
def test_written_modules_minimise_as_the_library_does(name, tmp_path):
    p = worked(name)
    dm = best_distributed(p)
    paths = dm.write(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"minimise_{input_}.py" for input_ in p.domains]
    for input_, path in zip(p.domains, paths, strict=True):
        module, local = imported(path), dm[input_]
        assert path.read_text() == local.source()
        assert sorted(module.__all__) == ["minimise", "partition", "representative"]
        labels = range(len(local.representatives))
        assert [module.representative(k) for k in labels] == local.representatives
        for value in list(p.domains[input_].values())[:3000]:
            assert module.minimise(value) == module.representative(module.partition(value)) == local(value)
            assert type(module.minimise(value)) is type(value)


@pytest.fixture(scope="module")
def benefit_module(tmp_path_factory):
    return imported(best_distributed(worked("benefit_level")).write(tmp_path_factory.mktemp("benefit"))[0])


@settings(max_examples=200, deadline=None)
@given(salary=st.integers(-(10**6), 10**6))
def test_the_written_benefit_level_keeps_the_output(benefit_module, salary):
    if 0 <= salary <= 100_000:
        sent = benefit_module.minimise(salary)
        assert examples.benefit_level(sent) == examples.benefit_level(salary)
        assert benefit_module.minimise(sent) == sent
    else:
        with pytest.raises(ValueError, match="salary must be a whole number from 0 to 100000"):
            benefit_module.minimise(salary)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 23), st.integers(1, 7))
def test_toll_is_charged_as_before(hour, passengers):
    dm = best_distributed(worked("toll"))
    assert examples.toll(*dm((hour, passengers))) == examples.toll(hour, passengers)


def test_a_local_minimiser_maps_values_and_refuses_others():
    dm = best_distributed(worked("benefit_level"))
    assert [dm["salary"](x) for x in (0, 9999, 10000, 12000, 100_000)] == [0, 0, 10000, 10000, 10000]
    for wrong in (-1, 100_001, 2.0, "5", None):
        with pytest.raises(ValueError, match="salary must be"):
            dm["salary"](wrong)
    assert dm["salary"].sizes == [10000, 90001]
    with pytest.raises(KeyError, match="there is no input 'wage'; the inputs are salary"):
        dm["wage"]


def test_all_inputs_at_once():
    dm = best_distributed(worked("credit"))
    assert dm({"incidents": 3, "tax": 2}) == {"incidents": 2, "tax": 1}
    assert dm((3, 2)) == (2, 1)
    assert list(dm) == ["incidents", "tax"]


def test_a_monolithic_minimiser_maps_tuples_and_dicts():
    m = best_monolithic(worked("credit"))
    assert m.n_classes == 3
    assert m((3, 2)) == (2, 1)
    assert m({"tax": 2, "incidents": 1}) == {"incidents": 0, "tax": 1}
    assert m.outputs == ["standard", "preferred", "refused"]
    assert m.sizes == [5, 1, 6]
    single = best_monolithic(worked("benefit_level"))
    assert single((12000,)) == single(12000) == (10000,)
    with pytest.raises(ValueError, match="outside its domain"):
        single(-1)


def test_a_monolithic_minimiser_counts_legal_inputs_only():
    p = program("def f(x, y):\n    assert x < y\n    return y - x", {"x": range(4), "y": range(4)})
    m = best_monolithic(p)
    assert (m.representatives, m.outputs, m.sizes) == ([(0, 1), (0, 2), (0, 3)], [1, 2, 3], [3, 2, 1])
    with pytest.raises(ValueError, match="breaks the precondition"):
        m((2, 1))


def test_a_violated_precondition_is_one_more_output():
    p = program("def f(x, y):\n    assert x <= y\n    return 0", {"x": range(3), "y": range(3)})
    dm = best_distributed(p)
    assert dm["x"].classes == dm["y"].classes == [[(0, 0)], [(1, 1)], [(2, 2)]]


def test_explanations_say_what_is_proved():
    text = best_distributed(worked("toll")).explain()
    assert text.splitlines()[0] == "A best minimiser for toll, by running all inputs."
    assert "hour: 3 classes of 24 values, told apart by 1 witness" in text
    assert "one for each output" in best_monolithic(worked("toll")).explain()


@pytest.mark.parametrize("method", ["witness", "figure7", "exhaustive"])
@pytest.mark.parametrize("fallback", [None, "identity"])
def test_an_explanation_names_an_open_input_once(method, fallback):
    equal = program("def f(x, y): return x * x * x == y", {"x": range(2000), "y": range(2000)})
    dm = best_distributed(equal, method, timeout=0.05, fallback=fallback)
    _, *lines = dm.explain().splitlines()
    assert set(dm.reasons) == {"x", "y"}
    for name, reason in dm.reasons.items():
        line = f"{name}, open: " if fallback else f"{name}: "
        assert [found for found in lines if found.startswith(line)] == [line + reason.removeprefix(f"{name}: ")]
        assert f"{name}: {name}:" not in dm.explain()
    wrong = best_distributed(worked("or_"), "figure7", reading="existential")
    assert "a, open: found by the existential reading" in wrong.explain()


def test_witnesses_are_people_treated_differently():
    p = worked("credit")
    for method in ("witness", "exhaustive", "figure7"):
        local = best_distributed(p, method)["tax"]
        assert len(local.witnesses) == 1
        first, second = (p.run(tax=r, **local.witnesses[0]) for r in local.representatives)
        assert first != second


def test_a_replaced_module_is_claimed_nothing_of(tmp_path):
    dm = best_distributed(worked("benefit_level"))
    other = dm.with_source("salary", dm["salary"].source().replace("< 10000", "< 10001"))
    assert (dm.status, other.status) == ("best", "incomplete")
    assert "not verified" in other.explain()
    with pytest.raises(ValueError, match="nothing is written"):
        other.write(tmp_path)


CONSTANTS = {
    "one input": ("def f(x): return 7", {"x": range(3, 90)}),
    "a large domain": ("def f(x): return None", {"x": range(10**9)}),
    "several inputs": ("def f(x, b): return ('no', 0 * x)", {"x": range(-5, 6), "b": bool}),
    "all that is legal": ("def f(x, y):\n    assert 0 <= x\n    return y - y", {"x": range(9), "y": range(9)}),
    "one value": ("def f(x): return x", {"x": range(4, 5)}),
}


@pytest.mark.parametrize("method", ["auto", "witness", "figure7", "exhaustive"])
@pytest.mark.parametrize("name", CONSTANTS)
def test_a_program_that_needs_nothing_is_sent_nothing(name, method, tmp_path):
    p = program(*CONSTANTS[name])
    dm = best_distributed(p, method)
    if name == "a large domain" and method == "exhaustive":
        assert dm.status == "incomplete"
        return
    assert dm.status == "best", dm.explain()
    for (input_, domain), path in zip(p.domains.items(), dm.write(tmp_path), strict=True):
        first, last = domain.values()[0], domain.values()[-1]
        module, local = imported(path), dm[input_]
        assert (local.classes, local.representatives, local.witnesses) == ([[(first, last)]], [first], ())
        assert [module.partition(last), module.representative(0), module.minimise(last)] == [0, first, first]
        with pytest.raises(ValueError, match="k must be 0, not 1"):
            module.representative(1)
    certificate = verify(p, dm)
    assert [certificate.correct, certificate.idempotent, certificate.best] == ["proved"] * 3
    assert released_bits(p, dm) == 0


@pytest.mark.parametrize("method", ["auto", "witness", "outputs", "exhaustive"])
@pytest.mark.parametrize("name", CONSTANTS)
def test_a_program_that_needs_nothing_has_one_monolithic_class(name, method):
    p = program(*CONSTANTS[name])
    m = best_monolithic(p, method)
    if name == "a large domain" and method == "exhaustive":
        assert m.status == "incomplete"
        return
    assert m.representatives == [tuple(domain.values()[0] for domain in p.domains.values())]
    certificate = verify(p, m)
    assert [certificate.correct, certificate.idempotent, certificate.best] == ["proved"] * 3
    assert released_bits(p, m) == 0
