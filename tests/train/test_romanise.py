import pytest

from curate.train.romanise import LANGUAGES, romanise


@pytest.mark.parametrize(
    ("language", "text", "spellings"),
    [
        ("hin", "नमस्ते", {"namaste"}),
        ("hin", "काम", {"kam", "kaam"}),
        ("hin", "बारिश", {"barish", "baarish"}),
        ("ell", "Καλημέρα", {"kalimera", "kalhmera"}),
        ("ell", "που", {"pou"}),
        ("ara", "من", {"man", "men", "min", "mon", "mn"}),
    ],
)
def test_words_as_they_are_typed(language, text, spellings):
    found = {romanise(text, language, variant) for variant in range(30)}
    assert found <= spellings
    assert len(found) == len(spellings) or language == "ara"


def test_the_same_variant_is_the_same_text():
    assert LANGUAGES == ("hin", "ara", "ell")
    for language in LANGUAGES:
        assert romanise("नमस्ते مرحبا γεια", language, 3) == romanise("नमस्ते مرحبا γεια", language, 3)
        assert romanise("plain ASCII, 12!", language).lower() == "plain ascii, 12!"
