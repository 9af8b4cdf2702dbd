import polars as pl
import pytest

from curate.errors import InputError
from curate.models import card, sha256, top_label
from curate.train.domain import tell_domain, train_domain

WORDS = {
    "Battles of Rome": "legion general army siege empire",
    "Diseases": "doctor patient fever drug ward",
}


def articles(count):
    rows = []
    for category, line in WORDS.items():
        words = line.split()
        for n in range(count):
            picked = [words[(n * step + step) % 5] for step in range(1, 40)]
            rows.append((" ".join(picked) + f" {chr(97 + n % 26)}{chr(97 + n // 26)}", category))
    return pl.DataFrame(rows, schema=["text", "categories"], orient="row")


@pytest.mark.parametrize(
    ("categories", "domain"),
    [
        ("Infectious diseases|Medical terms|Greek words", "medicine"),
        ("Battaglie dell'Impero romano", "history"),
        ("Deutsches Recht|Gesetze", "law"),
        ("Logiciels libres", "technology"),
        ("Births in 1950", "other"),
        ("Rivers|Wars", None),  # one of each
        ("", None),
        (None, None),
        ("Stewart family", "other"),  # `war` and `art` inside a word are none
    ],
)
def test_categories_tell_a_domain(categories, domain):
    assert tell_domain(pl.Series([categories], dtype=pl.String)).to_list() == [domain]


def test_a_model_of_domains_is_the_same_again(tmp_path):
    rows = articles(80)
    found = train_domain(rows, tmp_path / "one", "wiki@1")
    train_domain(rows.reverse(), tmp_path / "two", "wiki@1")
    path = tmp_path / "one" / "domain.ftz"
    assert path.read_bytes() == (tmp_path / "two" / "domain.ftz").read_bytes()
    assert found == card(path)
    assert found["sha256"] == sha256(path)
    assert found["labels"] == ["history", "medicine"]
    assert found["documents"] == {"history": 80, "medicine": 80}
    assert found["source"] == "wiki@1"
    assert found["scores"]["all"]["auc"] == 1.0
    told = top_label(path, pl.Series(["the army and the siege", "fever of a patient"]))
    assert told["label"].to_list() == ["history", "medicine"]


def test_too_few_articles(tmp_path):
    with pytest.raises(InputError, match="history: 5, medicine: 5"):
        train_domain(articles(5), tmp_path, "wiki@1")
    assert not list(tmp_path.iterdir())
