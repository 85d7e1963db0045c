import copy
import math
import pickle
import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tao_automl.domain.expression_nodes import Arithmetic, Negation
from tao_automl.domain.expression_parser import DEEPEST, LONGEST, parse, parse_list
from tao_automl.domain.expressions import ExpressionError
from tao_automl.errors import UserError

VALUES = {
    "a": 3,
    "b": 0.5,
    "model.depth": 12,
    "model.kind": "vit",
    "on": True,
    "none": None,
    "steps": [10, 20, 40],
    "val/loss": 0.25,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 - 3 - 4", -5),
        ("7 // 2 + 7 % 4", 6),
        ("1 / 4", 0.25),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("--a", 3),
        ("-a * -b", 1.5),
        ("1e-3 + .5 + 2.", 2.501),
        ("model.depth // 4", 3),
        ("`val/loss` * 2", 0.5),
        ("a < 4 <= 4", True),
        ("1 < a < 3", False),
        ("0.1 + 0.2 <= 0.3 and 0.1 + 0.2 == 0.3", True),
        ("0.1 + 0.2 > 0.3", False),
        ("1e-13 > 0", True),
        ("model.kind == 'vit' and not on == false", True),
        ('model.kind in ["cnn", "vit"]', True),
        ("model.kind not in ['cnn', 'vit']", False),
        ("a in [1, 2, 3.0]", True),
        ("on in [1]", False),
        ("none == null", True),
        ("1 == true", False),
        ("'a' != 'b'", True),
        ("on or a / 0 > 1", True),
        ("False and a / 0 > 1", False),
        ("not not on", True),
        ("min(a, b, 7)", 0.5),
        ("max(steps)", 40),
        ("sum(steps) + len(steps)", 73),
        ("sum([]) + len('four')", 4),
        ("steps[1] - steps[0]", 10),
        ("round(2.5) + floor(-0.5) + ceil(0.2) + abs(-4)", 6),
        ("log(1) + log2(8) + sqrt(16)", 7.0),
        ("[1, a, 'x']", [1, 3, "x"]),
        ("[]", []),
        ("64 * a", 192),
        ("Inf", 5),
    ],
)
def test_values(text, value):
    found = parse(text).evaluate({**VALUES, "Inf": 5})
    assert found == value
    assert type(found) is type(value)


def test_names_are_listed_once_in_order():
    expression = parse("model.depth * a + min(model.depth, `odd name`) + true")
    assert expression.names == ("model.depth", "a", "odd name")


def test_a_list_of_expressions():
    found = parse_list("accuracy - 0.1*latency, -`val/loss` , min(a, b)")
    assert [e.text for e in found] == ["accuracy - 0.1*latency", "-`val/loss`", "min(a, b)"]
    assert isinstance(found[0].tree, Arithmetic)
    assert isinstance(found[1].tree, Negation)
    assert found[1].evaluate(VALUES) == -0.25


def test_expressions_compare_pickle_and_copy():
    one = parse("a + 1")
    assert one == parse(" a  + 1 ") == pickle.loads(pickle.dumps(one)) == copy.deepcopy(one)
    assert one != parse("a + 2")
    assert hash(one) == hash(parse("a+1"))


FAULTS = [
    (
        "model.a <= ",
        """\
        a value must stand here, got the end
            model.a <=
                       ^""",
    ),
    (
        "a + * b",
        """\
        a value must stand here, got `*`
            a + * b
                ^""",
    ),
    (
        "(a + b",
        """\
        `)` must close the `(` of column 1, got the end
            (a + b
                  ^""",
    ),
    (
        "a b",
        """\
        an operator or the end must follow, got `b`
            a b
              ^""",
    ),
    (
        "a = b",
        """\
        one `=` means nothing here; `==` compares
            a = b
              ^""",
    ),
    (
        "mix(a, b)",
        """\
        mix: no such function
            mix(a, b)
            ^""",
    ),
    (
        "log(a, b)",
        """\
        log takes one argument, got 2
            log(a, b)
            ^""",
    ),
    (
        "a & b",
        """\
        this character has no meaning here: '&'
            a & b
              ^""",
    ),
    (
        "kind == 'vit",
        """\
        a closing ' must follow
            kind == 'vit
                    ^""",
    ),
    (
        "steps[a]",
        """\
        an index must be a whole number from 0, got `a`
            steps[a]
                  ^""",
    ),
    (
        "1e999 < a",
        """\
        a number must be finite
            1e999 < a
            ^""",
    ),
    (
        "a, b",
        """\
        one expression is needed, got a list of them
            a, b
             ^""",
    ),
]


def unindented(text):
    return "\n".join(line.rstrip() for line in textwrap.dedent(text).splitlines())


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_of_the_grammar(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert unindented(caught.value.message) == unindented(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a + kind", "a number is needed here, got 'vit'\n    a + kind\n        ^"),
        ("1 + a / (a - 3)", "`/` by zero\n    1 + a / (a - 3)\n          ^"),
        ("on + 1", "a number is needed here, got True\n    on + 1\n    ^"),
        ("a and on", "true or false is needed here, got 3\n    a and on\n    ^"),
        ("a < missing", "missing has no value\n    a < missing\n        ^"),
        ("kind < 'z'", "a number is needed here, got 'vit'\n    kind < 'z'\n    ^"),
        ("a in 3", "`in` needs a list on its right, got 3\n    a in 3\n      ^"),
        ("log(a - 3)", "log is not defined for 0\n    log(a - 3)\n    ^"),
        ("sqrt(-a)", "sqrt is not defined for -3\n    sqrt(-a)\n    ^"),
        ("(-a) ** 0.5", "the result is not a real number\n    (-a) ** 0.5\n         ^"),
        ("10.0 ** 999", "the result is too large\n    10.0 ** 999\n         ^"),
        ("9 ** 9 ** 9", "the result is too large\n    9 ** 9 ** 9\n      ^"),
        ("1e300 * 1e300", "the result is too large\n    1e300 * 1e300\n          ^"),
        ("min([])", "min of an empty list\n    min([])\n    ^"),
        ("max(a)", "max of one argument needs a list, got 3\n    max(a)\n    ^"),
        ("steps[3]", "the list has 3 elements, counted from 0, got index 3\n    steps[3]\n         ^"),
        ("a[0]", "only a list has elements, got 3\n    a[0]\n     ^"),
        ("len(a)", "only lists and texts have a length, got 3\n    len(a)\n    ^"),
    ],
)
def test_faults_of_evaluation(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse(text).evaluate({**VALUES, "kind": "vit"})
    assert caught.value.message == message


def test_the_caret_is_right_in_a_list_and_in_a_long_expression():
    second = parse_list("a, b +  a / 0")[1]
    with pytest.raises(ExpressionError) as caught:
        second.evaluate(VALUES)
    assert caught.value.message == "`/` by zero\n    b +  a / 0\n           ^"
    long = " + ".join(["a"] * 50) + " + kind"
    with pytest.raises(ExpressionError) as caught:
        parse(long).evaluate({"a": 1, "kind": "x"})
    _, shown, caret = caught.value.message.splitlines()
    assert shown.startswith("    … ")
    assert shown[caret.index("^") :] == "kind"


def test_unknown_names_are_shown_with_the_nearest():
    with pytest.raises(ExpressionError) as caught:
        parse("a <= model.dept").check_names(["model.depth", "a"])
    assert caught.value.message == "model.dept: no such parameter\n    a <= model.dept\n         ^"
    assert caught.value.hint == "did you mean model.depth?"


def test_bounds():
    assert parse("(" * 45 + "a" + ")" * 45).evaluate({"a": 1}) == 1
    for deep in ("(" * 1000, "-" * 900 + "a", "not " * 400 + "a", "+".join("a" * 900), "2**" * 300 + "1", "[" * 500):
        with pytest.raises(ExpressionError, match=f"at most {DEEPEST} deep"):
            parse(deep)
    with pytest.raises(ExpressionError, match=f"at most {LONGEST} characters, got 5000"):
        parse("a" * 5000)
    with pytest.raises(ExpressionError, match="an expression must be text, got int"):
        parse(3)
    assert parse("2 ** 1000 // 2 ** 999").evaluate({}) == 2


def test_nothing_of_python_can_be_reached():
    for text in ("__import__('os')", "a.__class__()", "(lambda: 1)()", "a; b", "f'{a}'", "open('x')", "[x for x in a]"):
        with pytest.raises(ExpressionError):
            parse(text)
    assert parse("a.__class__").names == ("a.__class__",)


operators = ["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "and", "or", "not", "in", ",", "not in"]
words = st.sampled_from(
    [
        *operators,
        "a",
        "b",
        "1",
        "2.5",
        "(",
        ")",
        "[",
        "]",
        "min",
        "max(",
        "len(",
        "'t'",
        "true",
        "`x y`",
        "`",
        "0",
        "9e9",
    ]
)


@example("\x85")
@given(st.lists(words, max_size=14).map(" ".join) | st.text(max_size=20))
def test_any_text_is_an_expression_or_a_fault_with_a_place(text):
    for found in outcomes(text):
        if isinstance(found, UserError):
            assert found.message.splitlines()[-1].endswith("^")
        else:
            assert not isinstance(found, float) or math.isfinite(found)


def outcomes(text):
    try:
        expressions = parse_list(text)
    except ExpressionError as error:
        return [error]
    return [outcome(expression) for expression in expressions]


def outcome(expression):
    try:
        return expression.evaluate({"a": 2, "b": 0.5, "x y": [1]})
    except ExpressionError as error:
        return error


numbers = st.integers(-5, 5) | st.floats(-5, 5).map(lambda x: round(x, 3))


@st.composite
def arithmetic(draw, depth=3):
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["a", "b"]) | numbers.map(lambda n: f"({n})"))
    left, right = draw(arithmetic(depth - 1)), draw(arithmetic(depth - 1))
    return f"({left} {draw(st.sampled_from(['+', '-', '*']))} {right})"


@given(arithmetic(), numbers, numbers)
def test_arithmetic_is_pythons(text, a, b):
    assert parse(text).evaluate({"a": a, "b": b}) == eval(text, {"a": a, "b": b})
