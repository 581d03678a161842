"""The language of the family tables: what it means, what is not of it, what values do not fit."""

import re

import pytest

from moe_kb.importing.expressions import EvaluationError, Expression


def value(text, **names):
    return Expression(text).value(names.__getitem__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 * a + b // 3 - 1", 11),
        ("-a % 3", 1),
        ("a if a > b else b", 7),
        ("1 < a < b", True),
        ("1 < b < a", False),
        ("missing is None and 'none'", "none"),
        ("missing or a", 5),
        ("a and missing", None),
        ("not (a == 5 or missing)", False),
        ("layers[1:][0] in ['y']", True),
        ("'z' not in layers", True),
        ("[a, b][-1]", 7),
        ("inner.field + 1", 12),
        ("len(layers) + max(a, b) + min(a, b)", 14),
        ("ceil_div(b, 2)", 4),
        ("list(a) == [5] and is_list(list(layers))", True),
        ("distinct(['x', 'y', 'x'])", 2),
        ("one_of(a, [5, 6])", 5),
        ("of_layer(by_layer, 2)['d']", 3),
        ("len(of_layer(by_layer, 1))", 0),
        ("gated('silu')", "swiglu"),
        ("plain('relu2')", "relu2"),
        ("prime_rows(8, 2, 1, 4)", 24),
    ],
)
def test_expressions_have_values(text, expected):
    names = {"a": 5, "b": 7, "missing": None, "layers": ["x", "y"], "inner.field": 11}
    names["by_layer"] = {"02": {"d": 3}, "11": {"d": 4}}
    assert Expression(text).value(names.__getitem__) == expected


def test_names_are_known_before_any_value_is():
    expression = Expression("a if inner.field else len(layers[b])")
    assert expression.names == {"a", "inner.field", "layers", "b"}


NOT_OF_THE_LANGUAGE = """
a + | a = 1 | __import__('os') | open('x') | a.b.c | a() | [x for x in a] | lambda: a | a ** b | a / b | a << b | ~a
{1: 2} | (1, 2) | f'{a}' | b'bytes' | 1j | len(key=a) | len(*a) | a[::2] | (a := 1)
"""


@pytest.mark.parametrize("text", ["", *(text.strip() for text in re.split(r"[|\n]", NOT_OF_THE_LANGUAGE.strip()))])
def test_other_python_is_no_expression(text):
    with pytest.raises(ValueError, match=r"is not|not part"):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("word * 1000000000000", "'ab' is not a number"),
        ("word % 3", "'ab' is not a whole number"),
        ("2.5 // layer", "2.5 is not a whole number"),
        ("flag + 1", "True is not a number"),
        ("flag < 2", "True is not a number"),
        ("layer >= missing", "None is not a number"),
        ("layer // 0", "zero"),
        ("layers[9]", "out of range"),
        ("layers['key']", "indices"),
        ("missing[0]", "not subscriptable"),
        ("len(layer)", "has no len"),
        ("distinct([layers])", "unhashable"),
        ("int(word)", "invalid literal"),
        ("isqrt(-1)", "nonnegative"),
        ("gated(word)", "no activation is known by the name 'ab'"),
        ("gated(layers)", "no activation"),
        ("one_of(word, ['full', 'sliding'])", "'ab' is none of 'full', 'sliding'"),
        ("of_layer(layers, 1)", "an object of at most"),
        ("of_layer(twice, 2)", "a layer is named twice"),
        ("of_layer(odd, 2)", "invalid literal"),
        ("prime_rows(1000000000000, 1, 1, 1)", "are not what a model has"),
    ],
)
def test_errors_name_the_expression(text, why):
    with pytest.raises(EvaluationError) as told:
        value(text, word="ab", flag=True, layer=2, missing=None, layers=[1], twice={"2": {}, "02": {}}, odd={"all": {}})
    assert f"`{text}` cannot be computed" in str(told.value)
    assert why in str(told.value)


def test_only_what_decides_is_computed():
    """The other branch may need fields that a file does not have."""
    assert value("a if a else missing", a=1) == 1
    assert value("a or missing", a=1) == 1
    assert value("not a and missing", a=1) is False


@pytest.mark.parametrize("base", [1, 100, 10**6, 10**9])
def test_hashed_n_grams_have_prime_rows(base):
    import sympy

    primes = [sympy.nextprime(base - 1)]
    while len(primes) < 1000:
        primes.append(sympy.nextprime(primes[-1]))
    assert value("prime_rows(base, 20, 50, 1)", base=base) == sum(primes)
