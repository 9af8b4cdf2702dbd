"""What cleaning takes out of cues, rule by rule: literal in, literal out."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.recipe import SubtitlesSection
from curate.sources.cues import BREAK
from curate.sources.dialogue import guess_language, join_sentences, make_dialogue


def dialogue(*cues, language="en", **switches):
    counts = Counter()
    section = SubtitlesSection(kind="subtitles", inputs=("x",), **switches)
    text = make_dialogue(
        BREAK.join(cues), section, language, lambda name, number: counts.update({name: number})
    )
    return text.split(BREAK), dict(counts)


@pytest.mark.parametrize(
    ("cue", "spoken"),
    [
        ("[door slams]", ""),
        ("(sighs) I told you.", "I told you."),
        ("I told you. (SIGHS)", "I told you."),
        ("- Right.\n- (A BABY CRIES)", "Right."),
        ("- (in French) Come in.\n- No.", "- Come in.\n- No."),
        ("[a long\nnoise] Go!", "Go!"),
        ("（笑い声）\n行こう", "行こう"),
        ("Call (555) 0199", "Call (555) 0199"),
        ("left open (and", "left open (and"),
        ("...", ""),
        ("?!", "?!"),
    ],
)
def test_sounds_go(cue, spoken):
    assert dialogue(cue, "Yes.")[0] == [spoken, "Yes."]
    kept, counts = dialogue(cue, remove_sounds=False, lyrics="keep")
    assert counts.get("sounds_removed") is None
    assert "[" not in cue or "[" in kept[0]


@pytest.mark.parametrize(
    ("cue", "spoken"),
    [
        ("JOHN: Come in.", "Come in."),
        ("DR. O'NEIL-SMITH: Come in.", "Come in."),
        ("MAN 2:\nCome in.", "Come in."),
        ("ANNA: Come in.\nBEN: No.", "- Come in.\n- No."),
        ("- ANNA: Come in.\n- BEN: No.", "- Come in.\n- No."),
        ("- Come in.\n- BOTH: No.", "- Come in.\n- No."),
        ("JOHN: (coughs) Come in.", "Come in."),
        ("LONDON: WINTER", "LONDON: WINTER"),  # a sign, in capitals throughout
        ("Listen: come in.", "Listen: come in."),
        ("At 10:30 I left.", "At 10:30 I left."),
        ("ЖЕНЩИНА: Войдите.", "Войдите."),
    ],
)
def test_names_of_speakers_go(cue, spoken):
    assert dialogue(cue)[0] == [spoken]
    assert dialogue(cue, remove_speakers=False, remove_sounds=False)[1] == {}


@pytest.mark.parametrize(
    "cue",
    [
        "www.some-subtitles.example",
        "Support us and become VIP member\nto remove all ads from www.OpenSubtitles.org",
        "Subtitles by nightowl",
        "Subtitles: nightowl & co",
        "Synced and corrected by nightowl",
        "- Ripped by: nightowl -",
        "Untertitel von Nachteule",
        "Übersetzung: Nachteule",
        "Sous-titres : chouette",
        "Traduit par chouette",
        "Subtítulos por lechuza",
        "Traducción y sincronización: lechuza",
        "Legendas: coruja",
        "Sottotitoli a cura di civetta",
        "Ondertiteling: uil",
        "Översättning: uggla",
        "Napisy: sowa",
        "Субтитры сделал сова",
        "字幕：猫头鹰",
    ],
)
def test_credits_and_advertisements_go(cue):
    assert dialogue("Hello.", cue, "Bye.") == (
        ["Hello.", "", "Bye."],
        {"advertisements_removed": 1},
    )
    assert dialogue("Hello.", cue, remove_advertisements=False)[1].get("cues") is None


@pytest.mark.parametrize(
    "cue",
    [
        "I can't read the subtitles.",
        "He translated it by heart.",
        "She corrected my homework.",
        "I need a translation, by tomorrow.",
        "The caption says: nothing.",
        "Das hat er übersetzt.",
        "Elle a traduit le livre.",
        "Look it up on the web.",
    ],
)
def test_dialogue_about_subtitles_stays(cue):
    assert dialogue(cue) == ([cue], {})


def test_credits_stand_at_the_beginning_and_the_end():
    cues = ["Hello."] * 200
    for place in (3, 100, 198):
        cues[place] = "Subtitles by nightowl"
    cues[101] = "visit www.owls.example"
    spoken, counts = dialogue(*cues)
    assert [place for place, cue in enumerate(spoken) if cue != "Hello."] == [3, 100, 101, 198]
    assert spoken[100] == "Subtitles by nightowl"
    assert counts == {"advertisements_removed": 3}


@pytest.mark.parametrize(
    ("lyrics", "spoken"),
    [
        ("plain", ["La la la", "la la", "- la\n- Hm?", "row your boat"]),
        ("remove", ["", "", "Hm?", ""]),
        ("keep", ["♪ La la la ♪", "♪ la la", "- ♪ la ♪\n- Hm?", "# row your boat #"]),
    ],
)
def test_lyrics(lyrics, spoken):
    cues = ["♪ La la la ♪", "♪ la la", "- ♪ la ♪\n- Hm?", "# row your boat #"]
    assert dialogue(*cues, lyrics=lyrics)[0] == spoken


def test_a_number_sign_before_a_number_is_no_lyric():
    assert dialogue("#1 is here.")[0] == ["#1 is here."]


@pytest.mark.parametrize(
    ("language", "cue", "repaired"),
    [
        ("en", "l'm sure l know what l'd do, if l may.", "I'm sure I know what I'd do, if I may."),
        ("en", "lt isn't. lf only. ln time.", "It isn't. If only. In time."),
        ("en", "| am. /t is. |'ll go.", "I am. It is. I'll go."),
        ("en", "1 haven't seen 1 film.", "I haven't seen 1 film."),
        ("en", "WeII, you wiII feeI it. AIl of it.", "Well, you will feel it. All of it."),
        ("en", "THE FlRST TlME", "THE FIRST TIME"),
        ("en", "c0me h0me at 1O0", "come home at 100"),
        (
            "en",
            "McIntyre, O'Brien, ill, Al, XIII, an LP",
            "McIntyre, O'Brien, ill, Al, XIII, an LP",
        ),
        ("de", "lch weiß, daß lhr lm Haus seid.", "Ich weiß, daß Ihr Im Haus seid."),
        ("fr", "ll est là, et l'homme aussi.", "Il est là, et l'homme aussi."),
        ("nl", "lk weet het.", "Ik weet het."),
        ("it", "ll lI l'altro", "ll ll l'altro"),
        ("tr", "kadIn l'm", "kadIn l'm"),
        ("", "l'm", "l'm"),
    ],
)
def test_confusions_of_letters_are_repaired(language, cue, repaired):
    assert dialogue(cue, language=language)[0] == [repaired]
    assert dialogue(cue, language=language, repair_ocr=False) == ([cue], {})


@pytest.mark.parametrize(
    ("cue", "spoken"),
    [
        ("- Yes. - No.", "- Yes.\n- No."),
        ("-Yes.\n-No.", "- Yes.\n- No."),
        ("– Ja? – Nein!\nDoch.", "- Ja?\n- Nein! Doch."),
        ("- Who is\nthere?\n- Me.", "- Who is there?\n- Me."),
        ("- Alone.", "Alone."),
        ("It was - I think - cold.", "It was - I think - cold."),
        ("-5 degrees", "-5 degrees"),
        ("A line\nthat goes on", "A line that goes on"),
    ],
)
def test_a_line_is_what_one_speaker_says(cue, spoken):
    assert dialogue(cue)[0] == [spoken]


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        ("If you go\nthen I stay.", "If you go then I stay."),
        ("First,\nSecond.", "First, Second."),
        ("Done.\nthen more", "Done.\nthen more"),
        ("Wait...\nfor me", "Wait...\nfor me"),
        ("Then\nAnna came", "Then\nAnna came"),
        ("Ich ging\nüber den Fluss", "Ich ging über den Fluss"),
        ("Я шёл\nдомой", "Я шёл домой"),
        ("Hm\n- no", "Hm\n- no"),
    ],
)
def test_a_cue_that_goes_on_a_sentence_joins_it(lines, joined):
    assert join_sentences(lines, lambda *_: None) == joined


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", " What have you done with the boat that we bought?"),
        ("de", " Ich habe das nicht gewollt, und du bist nicht die Einzige."),
        ("", " 1 2 3 4 5 6 7 8 9 10 11 12"),
        ("", ""),
    ],
)
def test_a_language_is_guessed_by_its_most_frequent_words(language, text):
    assert guess_language(text) == language


@given(
    st.lists(st.text("aIl10 .:-[]()♪#|/'\"\nJOHN,wby", max_size=20), min_size=1, max_size=5),
    st.sampled_from(["en", "de", "", "ja"]),
)
def test_cleaning_keeps_the_number_of_cues_and_settles(cues, language):
    cues = [" ".join(cue.split()) for cue in cues]
    once, _ = dialogue(*cues, language=language)
    assert len(once) == len(cues)
    assert all(line == line.strip() for cue in once for line in cue.split("\n"))
    assert all("\n\n" not in cue for cue in once)
