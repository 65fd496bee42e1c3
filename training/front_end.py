"""What the program makes of a text before the model reads it: the published rules, and the bytes that stand for it."""

PREFIX = "[S1] "
_REPLACED = {"…": "...", "’": "'", "”": '"', "\n": " ", ":": ",", ";": ",", "—": ", "}


def normalised(text):
    """The text with its signs replaced, without the prefix."""
    for sign, instead in _REPLACED.items():
        text = text.replace(sign, instead)
    return text


def prompt(text):
    """The string whose UTF-8 bytes the model reads, after a zero byte."""
    text = normalised(text)
    if text.startswith(("[", "(")) or "S1" in text or "S2" in text:
        return text
    return PREFIX + text


def tokens(text):
    """The bytes that the model reads, as a list of numbers."""
    return [0, *prompt(text).encode()]


def spoken_form(text):
    """What the teacher is given: signs that it would stumble over are left out; words keep their number and order."""
    for sign in "“‘`*_~":
        text = text.replace(sign, "")
    return text
