import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.schema.patterns import NotPortable, Reading, automaton, check_portable
from fanout.schema.words import shortest_word

ATOMS = st.sampled_from(
    ["a", "b", "-", "[ab]", "[^a]", "[a-c-]", "\\.", "\\n", "\\u00e9", "é", "\\x41", "[\\]b]"]
)
QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}"])
SEQUENCES = st.lists(st.tuples(ATOMS, QUANTIFIERS).map("".join), max_size=3).map("".join)
GROUPS = st.tuples(SEQUENCES, SEQUENCES, QUANTIFIERS).map(lambda it: f"({it[0]}|{it[1]}){it[2]}")
BODIES = SEQUENCES | GROUPS | st.tuples(SEQUENCES, GROUPS).map("".join)
WHOLES = st.tuples(st.sampled_from(["", "^"]), BODIES, st.sampled_from(["", "$"])).map("".join)
PATTERNS = st.lists(WHOLES, min_size=1, max_size=2).map("|".join)
TEXTS = st.text("abcA-.]é\n", max_size=6)


def found_by_python(pattern, text, reading):
    if reading is Reading.END_ONLY:
        pattern = re.sub(r"(?<!\\)\$", r"\\Z", pattern)
    return re.search(pattern, text) is not None


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(pattern=PATTERNS, text=TEXTS, reading=st.sampled_from(Reading))
def test_an_automaton_finds_what_the_regular_expression_finds(pattern, text, reading):
    assert automaton(pattern, reading).accepts(text) == found_by_python(pattern, text, reading)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    pattern=PATTERNS,
    bounds=st.tuples(st.integers(0, 4), st.none() | st.integers(0, 6)),
    reading=st.sampled_from(Reading),
    texts=st.lists(TEXTS, max_size=10),
)
def test_a_shortest_word_is_one_and_no_shorter_text_is(pattern, bounds, reading, texts):
    low, high = bounds
    word = shortest_word(automaton(pattern, reading), low, high)
    if word is not None:
        assert found_by_python(pattern, word, reading)
        assert low <= len(word)
        assert high is None or len(word) <= high
    for text in texts:
        if low <= len(text) <= (high or 0) and found_by_python(pattern, text, reading):
            assert word is not None
            assert len(word) <= len(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "\\d",
        "\\w+",
        "\\s",
        "\\bword",
        "\\p{L}",
        "\\-",
        "a.b",
        "a*?",
        "a++",
        "a{1,2}?",
        "a{257}",
        "a{2,1}",
        "a{,3}",
        "(?=a)",
        "(?<name>a)",
        "(?i)a",
        "(a",
        "a)",
        "a]",
        "a}",
        "[",
        "[]",
        "[^]",
        "[[a]]",
        "[b-a]",
        "*a",
        "a|*",
        "a^b",
        "(^a)",
        "a$b",
        "(a$)",
        "a\\",
        "\\1",
        "\\0",
        "\\ud83d",
        "[\\w]",
        "^*",
    ],
)
def test_what_engines_read_differently_is_refused(pattern):
    with pytest.raises(NotPortable):
        check_portable(pattern)


def test_a_word_can_be_longer_than_the_automaton_has_states():
    fsm = automaton("^a+$", Reading.END_ONLY)
    lengths = [len(shortest_word(fsm, low, None)) for low in (1, 10, 3_000)]
    assert lengths == [1, 10, 3_000]
    assert all(one < other for one, other in pairwise(lengths))


def test_no_word_has_half_a_character():
    word = shortest_word(automaton("^[^\\x00-\\x7f]$", Reading.END_ONLY), 0, None)
    assert word.encode("utf-8").decode("utf-8") == word
