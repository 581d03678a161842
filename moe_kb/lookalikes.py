"""Characters that hide what a text says: those that nobody sees, and letters that look like others."""

from __future__ import annotations

import re
import unicodedata

#: What nobody sees, or what moves what is seen: control characters (C0 but for tabs and line ends, C1), halves of
#: surrogate pairs, soft hyphens, zero-width and bidirectional marks, line and paragraph separators, fillers, variation
#: selectors, tags, noncharacters. Of Unicode's properties `Default_Ignorable_Code_Point` and `Bidi_Control`.
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

#: Letters that are drawn as a Latin one, by that one: those that `confusables.txt` of Unicode's UTS #39 (as the package
#: confusable-homoglyphs 3.3.1 has it) gives one ASCII letter for and that NFKC leaves alone; small capitals and letters
#: with a stroke, which it leaves alone too.
_DRAWN_AS = {
    "A": "ΑАᎪᗅꓮ𐊠𖽀ᴀ", "B": "ΒВᏴᗷꓐꞴ𐊂𐊡𐌁ʙ", "C": "СᏟⲤꓚ𐊢𐌂𐐕𐔜𑣩𑣲", "D": "Ꭰᗞᗪꓓᴅ", "E": "ΕЕᎬⴹꓰ𐊆𑢦𑢮ᴇ", "F": "ϜᖴꓝꞘ𐊇𐊥𐔥𑢢𑣂ꜰ",
    "G": "ԌᏀᏳꓖɢ", "H": "ΗНᎻᕼⲎꓧ𐋏ʜ", "I": "ΙІӀ", "J": "ͿЈᎫᒍꓙꞲᴊ", "K": "ΚКᏦᛕⲔꓗ𐔘ᴋ", "L": "ᏞᒪⳐꓡ𐐛𐔦𑢣𑢲𖼖ʟ",
    "M": "ΜϺМᎷᗰᛖⲘꓟ𐊰𐌑ᴍ", "N": "ΝⲚꓠ𐔓ɴ", "O": "ΟОՕ০ଠ୦ዐⲞⵔ〇ꓳ𐊒𐊫𐐄𐓂𐔖𑓐𑢵𑣠", "P": "ΡРᏢᑭⲢꓑ𐊕ᴘ", "Q": "ⵕꞯ", "R": "ƦᎡᏒᖇꓣ𐒴𖼵ʀ",
    "S": "ЅՏᏕᏚꓢ𐊖𐐠𖼺", "T": "ΤТᎢⲦꓔ𐊗𐊱𐌕𑢼𖼊ᴛ", "U": "Սሀᑌꓴ𐓎𑢸𖽂", "V": "Ѵ۷Ꮩᐯⴸꓦꛟ𐔝𑢠𖼈", "W": "ԜᎳᏔꓪ𑣦𑣯", "X": "ΧХᚷⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬",
    "Y": "ΥУҮᎩᎽⲨꓬ𐊲𑢤𖽃", "Z": "ΖᏃꓜ𐋵𑢩𑣥", "a": "ɑαа", "b": "ƄЬᏏᑲᖯ", "c": "сᴄⲥꮯ𐐽", "d": "ԁᏧᑯꓒđ", "e": "еҽꬲ",
    "f": "քẝꞙꬵ", "g": "ƍɡցᶃ", "h": "һհᏂħ", "i": "ıɩɪιіӏᎥꙇꭵ𑣃", "j": "ϳј", "l": "Ɩǀ۱ᛁⲒⵏꓲ𐊊𐌉𐌠𖼨ł", "n": "ոռ",
    "o": "οσоօ۵०੦૦௦౦೦ഠ൦๐໐ဝ၀ჿᴏᴑⲟꬽ𐐬𐓪𑣈𑣗ø", "p": "ρрⲣ", "q": "ԛգզ", "r": "гᴦⲅꭇꭈꮁ", "s": "ƽѕꜱꮪ𐑈𑣁", "t": "ŧ",
    "u": "ʋυսᴜꞟꭎꭒ𐓶𑣘", "v": "νѵᴠꮩ𑜆𑣀", "w": "ɯѡԝաᴡꮃ𑜊𑜎𑜏", "x": "×хᕁᕽ", "y": "ɣʏγуүყᶌỿꭚ𑣜", "z": "ᴢꮓ𑣄",
}  # fmt: skip
_LATIN = {letter: latin for latin, letters in _DRAWN_AS.items() for letter in letters}
# In either case: titles are compared without regard to it.
_EITHER_CASE = str.maketrans({letter.lower(): latin for letter, latin in _LATIN.items()} | _LATIN)


def skeleton(text: str) -> str:
    """What is left of a text when all that looks alike is written alike: letters of either case, with or without
    accents, of another script, full width, as a ligature, with marks between them that nobody sees.

    >>> skeleton("Ｍіх\u200btuге\u00adﬁle") == skeleton("MIXTUREFILE")
    True
    """
    latin = unicodedata.normalize("NFKC", HIDDEN.sub("", text)).translate(_EITHER_CASE).casefold()
    bare = "".join(c for c in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(c))
    return bare.translate(_EITHER_CASE)


def name_of(character: str) -> str:
    """A character that may not be shown, by number and name: `U+200B (ZERO WIDTH SPACE)`."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")
