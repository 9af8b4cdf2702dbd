"""Texts that find the corners: every kind of character that any rule of ours speaks of."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

settings.register_profile("compiled", deadline=None)  # a first call may compile for seconds
settings.load_profile("compiled")

# Letters with and without case, digits, marks, joiners, scripts without spaces, punctuation,
# white space and line breaks of every kind, controls, invisible characters, emoji, compositions.
CHARACTERS = (
    "aAbBzéÉßẞİıσςΣДд'’.,!?…:;-–*•#{}()[]\"“”«»|_=@/\\0123٣½Ⅷ"
    "\u0301\u0308\u0323\u0338\u0344\u0653\u20e3\ufe0f\u0345"
    "אבג״׳شمیاب\u200c\u200d؟۔नमसकि्।॥ไทยกาะเแำ๑ລາວເຂົ້ាខ្មែរមြန်မာ္ဘབོད་ཡིག།"
    "中文字々〇㐂\U00020000かなカナー゛ｶﾞ。、！？「」『』한국어\u1100\u1161\u11a8가"
    "\t\n\n\n\r\v\f\x85\u2028\u2029 \u00a0\u2003\u2000\u3000\x1c\x1f\x00\x07\x7f\x9f"
    "\ufeff\u200b\u2060\u00ad\u200e\u202e\u2066\ufff9\U000e0041\u180e\u034f"
    "👩👧❤🔥🏽🇩🇪©™ﬁＡＢ´Å\u212b\u1e9b\u0958\U0001d7d8\U00011047\ufffd\uffff\ue000\U0010ffff"
)
WORDS = ("the", "The", "of", "and", "that", "lorem ipsum", "Lorem", "javascript", "use cookies")
WORDS += (
    "...",
    "a a a a",
    "one two three four five six",
    "• ",
    "- ",
    "\r\n",
    "\n\n",
    "J. S.",
    "e.g. x",
)

texts = st.lists(
    st.one_of(st.sampled_from(CHARACTERS), st.sampled_from(WORDS), st.characters(codec="utf-8")),
    max_size=60,
).map("".join)
batches = st.lists(st.one_of(texts, st.none()), max_size=5)
