"""Words that the interface and the commands do not use, each with what is said instead (pattern, instead)."""

import re

WORDS = {
    r"\bset beside\b|\bside by side\b": "compare", r"\btied to\b": "related records", r"\bwho uses it\b": "used by",
    r"\bwhat it will take\b": "estimated cost", r"\bsequences (decoded )?together\b": "batch size",
    r"\bweights kept in\b|\bhow weights are kept\b": "weight precision", r"\brate of memory\b": "memory bandwidth",
    r"\bfewest\b": "minimum number of devices", r"\bslope\b": "KV cache per token",
    r"\bfixed state\b": "constant state", r"\bas it is\b": "baseline",
    r"\bstands? apart\b|\bset apart\b": "not ranked, excluded", r"\bon the way\b": "learning curve",
    r"\btwins?\b": "dense baseline", r"\bthree axes\b": "trade-offs", r"\bask the database\b": "SQL console",
    r"\bbest known date\b": "release date", r"\baffiliations?\b": "organisation", r"\bno \w+ passes\b": "no results",
    r"\bno source at hand\b": "not reported", r"\bwalk the\b": "browse", r"\bplaced (under|at|in)\b": "classified as",
    r"^counted\.|\bcounted\. ": "includes", r"\bleft out\.": "excludes",
    r"(?<!hierarchical )\bmixtures?\b(?!-of-| of )": "MoE layer",
    r"\b(un)?settled?\b|\bsettling\b": "resolved", r"\b(is|are) shown first\b|\bfirst shown\b": "preferred value",
    r"\bstatements?\b(?! at a time| is not one)": "claim", r"\bmentions?\b": "reference", r"\bcrossings?\b": "mapping",
    r"\backnowledged?\b|\backnowledgements?\b": "waived", r"\bdoubts?\b": "issue", r"\bmend(s|ed|ing)?\b": "fix",
    r"\bhang together\b": "shortest path", r"\b(maker|vendor)'?s'? sheets?\b|\bsheets? (give|say|of)\b": "datasheet",
    r"\byardsticks?\b": "metric", r"--part\b|--degree\b": "--configuration, --expert-parallel",
    r"\bleak(s|ed|ing)?\b|\bhear of\b|\btokens see each other\b": "not causal; causality",
    r"\bby hand\b|\boracles?\b": "naive reference, reference implementation",
    r"\bt(ell|old|ells|elling)\b(?! apart)": "report", r"\blost\b": "crashed",
    r"\bopinionated\b|\bopinions?\b": "recommended", r"\bl(end|ends|ent|ending)\b": "share weights",
    r"\bstacks\b": "layer diagram", r"\bis no (kind|design|model|paper|source|record)\b": "unknown X",
    r"\brun backwards\b": "start is after end", r"\bthousand million\b": "billion",
    r"\bnumbers in 16 bits\b": "KV cache (16-bit)", r"\bread by one token\b": "read per decoded token",
    r"\bdevices for each layer": "expert parallelism (EP)", r"\bspecial\. ?%": "specialisation",
    r"− dense\b": "vs dense", r"\d more stand\b": "not ranked", r"\bnothing passes\b": "no results",
    r"\bexperts chosen\b": "active experts (k / E)",
}  # fmt: skip
#: What the pages of designs, which are prose, do not say: vocabulary only, since there "left out" is plain English.
PAGE_WORDS = {
    r"\bopinions?\b": "uniform", r"\boracles?\b|\bby hand\b": "naive reference, reference implementation",
    r"\bleak(s|ed|ing)?\b": "is not causal", r"\bthousand million\b": "billion",
    r"\bno source at hand\b": "not reported", r"\b(in|much|outputs,) demand\b": "load before dropping",
    r"\b(capacity|free|compete for|share the) places\b": "capacity slots",
    r"\b(noise|noises|experts?|actions?) (is|are|was|were) drawn\b(?! together)": "sampled",
    r"(?<![-_])\bmixtures?\b(?!-of-|\s+of\s)": "MoE layer", r"\b(un)?settl(e|es|ed|ing)\b": "converge",
    r"\bdoubts?\b": "uncertainty",
}  # fmt: skip


def wrong_words(text: str, words: dict[str, str] = WORDS) -> list[str]:
    """Each word that should not be there, in its surroundings, with what to say instead."""
    return [
        f"…{' '.join(text[max(0, match.start() - 40) : match.end() + 30].split())}… say: {instead}"
        for pattern, instead in words.items()
        for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE)
    ]
