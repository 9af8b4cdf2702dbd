"""From cues to dialogue: what no one says goes, and a line is what one speaker says.

Each rule is a switch of the recipe, and counts what it changed. Rules are regular expressions over
the text of many cues, in which every line follows a line end and `BREAK` ends every cue but the
last. None looks beyond its cue, so that a compiled pass can say first in which cues a rule may find
anything (`cue_scan.signs`): only those are looked at, most cues by no rule.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import resources
from itertools import chain, compress, islice
from operator import eq
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curate.recipe import SubtitlesSection
from curate.sources.cues import BREAK, DASHES, ODD_SPACES, UNSPACED, tidy, unwrap

if TYPE_CHECKING:
    from curate.sources.cue_scan import Automaton

CREDIT_CUES = 40  # at the beginning and at the end, in which translators and uploaders sign
Count = Callable[[str, int], None]

_ANY_DASH = re.escape(DASHES)  # in a regex's [...]
_DASH = f"[{_ANY_DASH}]"
_SOUND = re.compile(
    rf"\[[^\[\]{BREAK}]{{1,200}}\]|\((?=[^()]*[^\W\d_])[^(){BREAK}]{{1,200}}\)"
    rf"|【[^【】{BREAK}]{{1,200}}】|\uff08[^\uff08\uff09{BREAK}]{{1,200}}\uff09"
)
_SOUND_MARKS = "[(【\uff08"
_EMPTIED = re.compile(rf"\n[\s{_ANY_DASH}:.,…♪♫#\"'*]*(?=[\n{BREAK}]|\Z)")
_WORDLESS = ("\n...\n", f"\n...{BREAK}", "\n-\n", f"\n-{BREAK}", f"\n…{BREAK}", f"\n♪{BREAK}")
_UPPER = "A-Z\u00c0-\u00d6\u00d8-\u00de\u0100\u0104\u0106\u010c\u010e\u0118\u011a\u0141\u0143\u0147\u0150\u0158\u015a\u0160\u0164\u016e\u0170\u0179\u017b\u017d\u0386-\u03ab\u0401-\u042f"  # fmt: skip
_LOWER = "a-z\u00df-\u00f6\u00f8-\u00ff\u0101-\u017e\u03ac-\u03ce\u0430-\u045f"
_SPEAKER = re.compile(
    rf"\n({_DASH}? ?)[{_UPPER}][{_UPPER}\d]*(?:[ .&'’/#-]{{1,2}}[{_UPPER}\d][{_UPPER}\d]*\.?){{0,3}}"
    rf"\s?:(?!\d)\s?(?=[^{BREAK}]*[{_LOWER}])"
)
_LABEL_END = re.compile(rf":(?<=[{_UPPER}\d. ]:)")
_LABEL = "\x02"
_LYRICS = "♪♫♬♩🎵🎶"
_LYRIC_LINE = re.compile(rf"\n[^\n{BREAK}]*[{_LYRICS}][^\n{BREAK}]*")
_LYRIC_MARK = re.compile(rf" ?[{_LYRICS}]+ ?")
_HASHED_LINE = re.compile(rf"\n({_DASH} ?)?# ([^\n#{BREAK}]*?) ?#?(?=[\n{BREAK}]|\Z)")
_DASHED = re.compile(rf"\n{_DASH}{{1,2}} ?(?=[^\s\d{_ANY_DASH}])")
_TURN = re.compile(rf"(?<=[.!?…\"”»]) {_DASH} ?(?=[^\W\d_]|[¿¡\"“«…])")
_TURN_SIGNS = tuple(f"{end} {dash}" for end in '.!?…"”»' for dash in DASHES)
_CONTINUES = re.compile(
    rf"\n(?:(?=[{_LOWER}])(?<=[^.!?…:;\"”»)\]♪]\n)|(?=[^\s{_ANY_DASH}♪])(?<=[,،、\uff0c]\n))"
)


def make_dialogue(text: str, section: SubtitlesSection, language: str, count: Count) -> str:
    """The text of cues in plain → dialogue: cleaned, a line for each speaker.

    Args:
        text: of cues, `BREAK` between them; lines as they stand on the screen.
        section: its switches say which rules apply.
        language: of the film, ISO 639-1; empty where unknown.
        count: is called with the name of what was changed, and how often.

    Returns:
        As many cues as there were; what is removed is left empty.
    """
    return make_of_signs(text, signs_of(text), section, language, count)


def signs_of(text: str) -> NDArray[np.int64]:
    """What rules may find in each cue of a text: int64[cues], bits of `cue_scan`."""
    from curate.sources import cue_scan as scan

    bits: NDArray[np.int64] = scan.signs(scan.codes_of(text), _kinds(), *_automaton())
    if _LABEL in text:  # what marks something here
        bits |= ~(scan.ADVERT | scan.CREDIT)
    return bits


def make_of_signs(
    text: str, bits: NDArray[np.int64], section: SubtitlesSection, language: str, count: Count
) -> str:
    """`make_dialogue` of a text whose signs are known.

    Args:
        text: as there.
        bits: int64[cues]: of `signs_of`; more of them (but for `ADVERT` and `CREDIT`, by which
            cues are known) change no result.
        section: as there.
        language: as there.
        count: as there.
    """
    from curate.sources import cue_scan as scan

    every = int(np.bitwise_or.reduce(bits))
    if not every:
        return text.replace("\n", " ")
    cues = text.split(BREAK)
    wanted = scan.UNTIDY | scan.MARKS_ONLY
    wanted |= scan.SOUND if section.remove_sounds else 0
    wanted |= scan.LYRIC if section.lyrics != "keep" else 0
    wanted |= scan.SPEAKER if section.remove_speakers else 0
    uploaders = scan.ADVERT | scan.CREDIT if section.remove_advertisements else 0
    removed = bool(every & uploaders) and _remove_advertisements(cues, bits, count)
    wanted |= uploaders if removed else 0
    chosen = (bits & wanted) != 0
    within = beginning = False
    quiet = every
    if every & wanted:
        _change(cues, chosen, lambda part: _cleaned(part, section, count, changed=removed))
        if section.repair_ocr:
            signs = _opened([cues[place] for place in chosen.nonzero()[0].tolist()])
            within, beginning = _confusions(signs)
            quiet = int(np.bitwise_or.reduce(bits[~chosen], initial=0))
    if section.repair_ocr:
        within = within or bool(quiet & scan.SIGN_WITHIN)
        beginning = beginning or bool(quiet & scan.SIGN_BEGINNING)
        if within or beginning:
            language = (language or guess_language(_opened(cues))).partition("_")[0]
            wanted = scan.MAY_WITHIN if within else 0
            if beginning and language in _ONE_LANGUAGE:
                wanted |= scan.MAY_ENGLISH if language == "en" else scan.MAY_OTHER
            if language in _REPAIRED:
                chosen |= (bits & wanted) != 0
                _change(
                    cues, chosen, lambda part: _repaired(part, language, within, beginning, count)
                )
    chosen |= (bits & (scan.DASHED | scan.WRAPPED)) != 0
    if chosen.all():
        return _turns(_opened(cues))
    _change(
        cues,
        chosen,
        lambda part: "\n" + _turns(part).replace("\n", _LABEL).replace(BREAK, f"{BREAK}\n"),
    )
    return BREAK.join(cues).replace("\n", " ").replace(_LABEL, "\n")


def _opened(cues: list[str]) -> str:
    """The text of cues with a line end before every line."""
    return "\n" + f"{BREAK}\n".join(cues)


def _change(cues: list[str], chosen: NDArray[np.bool_], rule: Callable[[str], str]) -> None:
    """Put in the place of some cues what a rule makes of their text."""
    places = chosen.nonzero()[0].tolist()
    if not places:
        return
    part = [cues[place] for place in places]
    if places[-1] != len(cues) - 1:
        part.append("")  # their end is not the text's end
    for place, cue in zip(places, rule(_opened(part)).split(BREAK), strict=False):
        cues[place] = cue[1:]


def _cleaned(text: str, section: SubtitlesSection, count: Count, *, changed: bool) -> str:
    """Cues without sounds, lyrics, lines without words, names of speakers."""
    before = text
    if section.remove_sounds and any(mark in text for mark in _SOUND_MARKS):
        text = _counted(_SOUND, " ", text, "sounds_removed", count)
    if section.lyrics != "keep":
        text = _without_lyrics(text, count, whole=section.lyrics == "remove")
    cleans = section.remove_sounds or section.lyrics != "keep"
    changed = changed or text is not before
    if changed or (cleans and any(sign in text for sign in _WORDLESS)):
        text = _EMPTIED.sub("\n", text)
        text = "\n" + tidy(text).replace(BREAK, f"{BREAK}\n")
    if section.remove_speakers and _LABEL_END.search(text):
        text = _without_speakers(text, count)
    return text


@cache
def _kinds() -> NDArray[np.uint16]:
    """What each character is to `cue_scan.signs`."""
    from curate.sources import cue_scan

    return cue_scan.kinds_of(
        [
            r"\s",
            f"[{re.escape(ODD_SPACES)}]",
            _DASH,
            rf"[\s{_ANY_DASH}:.,…♪♫#\"'*]",
            f"[{re.escape(_SOUND_MARKS)}]",
            f"[{_LYRICS}#]",
            f"[{_UPPER}]",
            r"\d",
            f"[{UNSPACED}]",
            r"\w",
            f"[{re.escape(cue_scan.SIGNS)}]",
        ]
    )


@cache
def _automaton() -> Automaton:
    """What finds the keys of advertisements and credits."""
    from curate.sources import cue_scan

    return cue_scan.automaton((key, bit) for bit, (keys, _) in _uploaders().items() for key in keys)


def join_sentences(scene: str, count: Count) -> str:
    r"""Lines that begin with a small letter, or follow a comma, joined to the line before.

    >>> join_sentences("If you go,\nI stay\nhere.\nFine.", lambda name, number: None)
    'If you go, I stay here.\nFine.'
    """
    joined, number = _CONTINUES.subn(" ", scene)
    if number:
        count("sentences_joined", number)
    return joined


def guess_language(text: str) -> str:
    """A language whose most frequent words make up a thirtieth of a text's beginning; empty if none do."""
    text = text[:GUESS_CHARACTERS]
    words = text.split(" ")[1:-1]
    counts = Counter(filter(_LANGUAGES.__contains__, words))
    found = dict.fromkeys(_FREQUENT, 0)
    doubled = set(compress(words, map(eq, words, islice(words, 1, None))))
    for word, number in counts.items():
        # of a word that follows itself every other one counts: the two share a space
        times = text.count(f" {word} ") if word in doubled else number
        for language in _LANGUAGES[word]:
            found[language] += times
    language = max(sorted(found), key=lambda name: found[name])
    return language if found[language] * 30 > text.count(" ") + text.count("\n") else ""


GUESS_CHARACTERS = 10_000  # are enough
_FREQUENT = {
    "de": ["der", "die", "und", "ich", "nicht", "das", "ist", "du", "wir", "ein"],
    "en": ["the", "you", "and", "that", "it", "is", "what", "of", "we", "have"],
    "es": ["que", "el", "los", "no", "una", "por", "con", "está", "para", "lo"],
    "fr": ["les", "est", "vous", "je", "pas", "une", "dans", "ne", "le", "et"],
    "it": ["che", "il", "di", "non", "è", "una", "per", "sono", "mi", "gli"],
    "nl": ["het", "een", "niet", "van", "ik", "dat", "en", "je", "we", "zijn"],
    "pt": ["que", "não", "uma", "os", "para", "com", "você", "um", "do", "é"],
    "sv": ["och", "att", "det", "jag", "är", "inte", "en", "som", "på", "du"],
}
_LANGUAGES = {  # of a frequent word
    word: [language for language, words in _FREQUENT.items() if word in words]
    for word in chain.from_iterable(_FREQUENT.values())
}


def _counted(pattern: re.Pattern[str], new: str, text: str, name: str, count: Count) -> str:
    changed, number = pattern.subn(new, text)
    if not number:
        return text
    count(name, number)
    return changed


# --- advertisements and credits

_BEGIN = r"^\W*"


@cache
def _uploaders() -> dict[int, tuple[tuple[str, ...], re.Pattern[str]]]:
    """What a cue of an uploader holds, and the expressions that make sure.

    `cue_scan.ADVERT` stand anywhere; `CREDIT` at the beginning and the end.
    """
    from curate.sources import cue_scan

    source = resources.files("curate.sources").joinpath("uploaders.toml")
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    found = {}
    for bit in (cue_scan.ADVERT, cue_scan.CREDIT):
        mine = [
            table for name, table in tables.items() if (name == "any") is (bit == cue_scan.ADVERT)
        ]
        keys = {key for table in mine for key in table["keys"]}
        patterns = [pattern for table in mine for pattern in table["patterns"]]
        begun = [part for part in patterns if part.startswith(_BEGIN)]
        together = "|".join(f"(?:{part})" for part in patterns if part not in begun)
        if begun:  # tried at the beginning of a line only
            begin = "|".join(f"(?:{part.removeprefix(_BEGIN)})" for part in begun)
            together += f"|{_BEGIN}(?:{begin})"
        found[bit] = tuple(sorted(keys)), re.compile(together, re.IGNORECASE | re.MULTILINE)
    return found


def _remove_advertisements(cues: list[str], bits: NDArray[np.int64], count: Count) -> bool:
    """Empty the cues of advertisements, and those of credits at the beginning and the end."""
    from curate.sources import cue_scan as scan

    removed = 0
    for place in (bits & (scan.ADVERT | scan.CREDIT)).nonzero()[0].tolist():
        cue = cues[place]
        for bit, (keys, pattern) in _uploaders().items():
            if not bits[place] & bit:
                continue
            if bit == scan.CREDIT and CREDIT_CUES <= place < len(cues) - CREDIT_CUES:
                continue
            # the automaton takes one sigma for another
            if "Σ" in cue.upper() and not any(key in cue.lower() for key in keys):
                continue
            if pattern.search(cue):
                cues[place] = ""
                removed += 1
                break
    if removed:
        count("advertisements_removed", removed)
    return removed > 0


# --- lyrics, speakers, turns


def _without_lyrics(text: str, count: Count, *, whole: bool) -> str:
    if any(mark in text for mark in _LYRICS):
        if whole:
            text = _counted(_LYRIC_LINE, "\n", text, "lyrics_removed", count)
        else:
            text = _counted(_LYRIC_MARK, " ", text, "lyric_marks_removed", count)
    if "\n# " in text or ("\n-" in text and "# " in text):
        new = "\n" if whole else r"\n\1\2"
        name = "lyrics_removed" if whole else "lyric_marks_removed"
        text = _counted(_HASHED_LINE, new, text, name, count)
    return text


def _without_speakers(text: str, count: Count) -> str:
    """Lines without the name before the colon; two that had one become turns of a dialogue."""
    marked, number = _SPEAKER.subn(rf"\n\1{_LABEL}", text)
    if not number:
        return text
    count("speakers_removed", number)
    cues = marked.split(BREAK)
    for place, cue in enumerate(cues):
        if _LABEL in cue:
            several = cue.count(_LABEL) > 1
            cues[place] = cue.replace(f"\n{_LABEL}", "\n- " if several else "\n").replace(
                _LABEL, ""
            )
    return BREAK.join(cues)


def _turns(text: str) -> str:
    """Cues unwrapped, each turn a line with one kind of dash; a single turn has none."""
    if any(f" {dash}" in text for dash in DASHES) and any(sign in text for sign in _TURN_SIGNS):
        text = "\n".join(
            [
                _TURN.sub("\n- ", line) if line[:1] in DASHES and line else line
                for line in text.split("\n")
            ]
        )
    if any(f"\n{dash}" in text for dash in DASHES):
        text = _DASHED.sub("\n- ", text)
        text = unwrap(text.replace(f"{BREAK}\n", BREAK)[1:])
        return BREAK.join(
            [
                cue[2:] if cue.startswith("- ") and "\n" not in cue else cue
                for cue in text.split(BREAK)
            ]
        )
    return unwrap(text.replace(f"{BREAK}\n", BREAK)[1:])


# --- confusions of optical character recognition

_NEUTRAL = (  # in the languages of _REPAIRED: no word of theirs has a capital after small letters
    (re.compile(r"(?<![\w'’])([a-zà-ÿ]+)I(?=I*(?:[a-zà-ÿ]|\b))"), r"\1l"),
    (re.compile(r"(?<=[a-zà-ÿ]l)I(?=[a-zà-ÿ]|\b)"), "l"),
    (re.compile(r"(?<![\w'’])([A-Z][a-zà-ÿ]*[a-zà-ÿ])II(?=[a-zà-ÿ]|\b)"), r"\1ll"),
    (re.compile(r"(?<=[A-Z]{2})l(?=[A-Z])|(?<=\b[A-Z])l(?=[A-Z]{2})"), "I"),
    (re.compile(r"(?<=[a-zà-ÿ])0(?=[a-zà-ÿ])"), "o"),
    (re.compile(r"(?<=\d)[Oo](?=\d)"), "0"),
)
_ONE_LANGUAGE = {
    "en": (
        (re.compile(r"(?<![\w'’.&-])l(?=['’](?:m|d|ll|ve|II)\b|[ \n,?!])"), "I"),
        (re.compile(r"(?<![\w'’.-])l(?=(?:f|n|t|s|ts|t['’]s|t['’]ll|sn['’]t)\b(?!\.))"), "I"),
        (re.compile(r"(?<![\w|])\|(?=(?:f|n|t|s|sn)?(?:['’]\w+)?[\s,?!.]|\Z)"), "I"),
        (re.compile(r"(?<!\S)/(?=(?:f|t|s|n|['’](?:m|d|ll|ve))\b)"), "I"),
        (re.compile(r"(?<!\S)1(?= (?:am|was|have|haven['’]t|had|don['’]t|do|didn['’]t|did|can|can['’]t|will|won['’]t|would|could|think|thought|know|knew|just|want|need|love|mean|guess|hope|said|got|saw)\b)"), "I"),
        (re.compile(r"\bAIl\b"), "All"),
        (re.compile(r"(?<!')''(?!')"), '"'),
    ),
    "de": ((re.compile(r"(?<![\w'’])l(?=(?:ch|hr|hn|hm|hnen|hre|hren|m|n|st|sst)\b)"), "I"),),
    "fr": ((re.compile(r"(?<![\w'’])l(?=ls?\b)"), "I"),),
    "nl": ((re.compile(r"(?<![\w'’])l(?=(?:k|n|s)\b)"), "I"),),
}  # fmt: skip
_REPAIRED = {"da", "de", "en", "es", "fi", "fr", "it", "nl", "no", "pt", "sv"}
_WITHIN = tuple(
    re.compile(pattern)  # literals first: most texts have none, and are searched once for each
    for pattern in (r"I(?<=[a-zà-ÿ]I)", r"l(?<=[A-Z]l)(?=[A-Z])", r"0(?<=[a-z]0)", r"O(?<=\dO)")
)
_BEGINNING = (*(f"{before}l{after}" for before in ' \n"' for after in "'’ fnstcmhlk"), "|", "/", "\n1 ", " 1 ", "AIl", "''")  # fmt: skip


def _confusions(text: str) -> tuple[bool, bool]:
    """Whether there are signs of confusions within words, and at their beginnings."""
    within = any(pattern.search(text) for pattern in _WITHIN)
    return within, any(sign in text for sign in _BEGINNING)


def _repaired(text: str, language: str, within: bool, beginning: bool, count: Count) -> str:
    patterns = [
        *(_NEUTRAL if within else ()),
        *(_ONE_LANGUAGE.get(language, ()) if beginning else ()),
    ]
    for pattern, new in patterns:
        text = _counted(pattern, new, text, "ocr_repaired", count)
    return text
