"""The text that every Python installation carries, as bytes, in four domains, split by document.

- `prose`: the language reference's topics, `pydoc_data.topics`;
- `code`: sources of the standard library;
- `tests`: sources of its test-suite, as far as the installation has them (some distributions leave most out);
- `data`: sources that are tables: the character encodings and HTML entities.

Which documents are held out is decided by a hash of their names: the split is the same on every machine
with the same Python, and a held-out document is held out whole. The bytes do differ between Python versions,
so a run reports the digest of what it read. Documents are joined by a zero byte.
"""

import hashlib
import math
import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

DOMAINS = ("prose", "code", "tests", "data")
HELD_OUT_EVERY = 10  # one document of ten is for validation
SEPARATOR = b"\0"

_TEST_FOLDERS = {"test", "tests", "idle_test"}
_DATA_FILES = {"html/entities.py", "stringprep.py"}
# Not the standard library's own text, or different on every machine.
_SKIPPED_FOLDERS = {"site-packages", "dist-packages", "__pycache__", "pydoc_data"}


class CorpusError(RuntimeError):
    """This Python installation does not carry enough text."""


@dataclass(frozen=True)
class Corpus:
    """Byte streams (uint8, one dimension) by domain, in the order of `DOMAINS`.

    Attributes:
        train: text to learn from.
        validation: text of held-out documents.
        digest: first 16 hexadecimal digits of the SHA-256 of all of it.
    """

    train: dict[str, Tensor]
    validation: dict[str, Tensor]
    digest: str

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains present."""
        return tuple(self.train)


@dataclass(frozen=True)
class Batch:
    """Windows of text: the model reads `input_BS` and predicts `target_BS`, one byte further."""

    input_BS: Tensor
    target_BS: Tensor
    domain_B: Tensor


def load_corpus(domain_bytes: int, sequence_length: int, library: Path | None = None) -> Corpus:
    """Read at most `domain_bytes` of each domain.

    Args:
        domain_bytes: bytes of a domain, both splits together.
        sequence_length: a domain that cannot fill one window of this length in each split is left out.
        library: folder of the standard library; this Python's by default.

    Raises:
        CorpusError: if no domain is left.
    """
    library = library or Path(sysconfig.get_path("stdlib"))
    train, validation, digest = {}, {}, hashlib.sha256()
    for domain in DOMAINS:
        # No document may be more than a twentieth: one huge test file would drown the others.
        documents = _take(_documents(domain, library), domain_bytes, domain_bytes // 20)
        held_out = SEPARATOR.join(documents[::HELD_OUT_EVERY])
        rest = SEPARATOR.join(text for i, text in enumerate(documents) if i % HELD_OUT_EVERY)
        if min(len(held_out), len(rest)) > sequence_length:
            digest.update(held_out + rest)
            train[domain], validation[domain] = _as_tensor(rest), _as_tensor(held_out)
    if not train:
        raise CorpusError(f"found no text in {library}; a full Python installation is needed")
    return Corpus(train, validation, digest.hexdigest()[:16])


def training_batch(corpus: Corpus, batch_size: int, length: int, generator: torch.Generator) -> Batch:
    """Windows at random places; the domains take turns, so that each has the same share."""
    domains = corpus.domains
    first = int(torch.randint(len(domains), (1,), generator=generator))
    windows, labels = [], []
    for row in range(batch_size):
        label = (first + row) % len(domains)
        stream = corpus.train[domains[label]]
        start = int(torch.randint(len(stream) - length, (1,), generator=generator))
        windows.append(stream[start : start + length + 1])
        labels.append(label)
    return _batch(windows, labels)


def validation_batches(corpus: Corpus, batch_size: int, length: int, sequences: int) -> list[Batch]:
    """The same windows every time: evenly spaced in each domain, `sequences` of them in all, or as many
    as there are domains if that is more."""
    domains = corpus.domains
    per_domain = max(sequences // len(domains), 1)
    windows, labels = [], []
    for place in range(per_domain):
        for label, domain in enumerate(domains):
            stream = corpus.validation[domain]
            start = place * (len(stream) - length - 1) // per_domain
            windows.append(stream[start : start + length + 1])
            labels.append(label)
    return [_batch(windows[i : i + batch_size], labels[i : i + batch_size]) for i in range(0, len(windows), batch_size)]


def unigram_bits_per_byte(corpus: Corpus, batches: Sequence[Batch]) -> float:
    """Bits per byte of the batches' targets if each byte is predicted by its frequency in the training
    text, the domains weighing the same as in training: what a model without context can reach."""
    frequency_V = torch.zeros(256, dtype=torch.float64)
    for stream in corpus.train.values():
        count_V = torch.bincount(stream.long(), minlength=256).double()
        frequency_V += (count_V + 1) / (count_V.sum() + 256)
    bits_V = -(frequency_V / frequency_V.sum()).log() / math.log(2)
    return float(torch.cat([bits_V[batch.target_BS.flatten()] for batch in batches]).mean())


def _batch(windows: list[Tensor], labels: list[int]) -> Batch:
    tokens_BS1 = torch.stack(windows).long()
    return Batch(tokens_BS1[:, :-1].contiguous(), tokens_BS1[:, 1:].contiguous(), torch.tensor(labels))


def _as_tensor(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def _take(documents: Iterator[bytes], total: int, each: int) -> list[bytes]:
    taken: list[bytes] = []
    for text in documents:
        text = text[: min(each, total)]
        if not text:
            continue
        taken.append(text)
        total -= len(text)
        if total <= 0:
            break
    return taken


def _documents(domain: str, library: Path) -> Iterator[bytes]:
    if domain == "prose":
        from pydoc_data.topics import topics

        for name in sorted(topics, key=_place):
            yield topics[name].encode()
        return
    for path in sorted(_sources(library), key=_place):
        if _domain_of(path) == domain:
            try:
                yield (library / path).read_bytes()
            except OSError:
                continue  # a broken link or an unreadable file is no reason to stop


def _place(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _sources(library: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(library):
        folders[:] = [f for f in folders if f not in _SKIPPED_FOLDERS and not f.startswith("config-")]
        for name in files:
            if name.endswith(".py") and not name.startswith("_sysconfigdata"):
                yield (Path(folder) / name).relative_to(library).as_posix()


def _domain_of(path: str) -> str:
    *folders, name = path.split("/")
    if _TEST_FOLDERS.intersection(folders) or name.startswith("test_"):
        return "tests"
    if folders[:1] == ["encodings"] or path in _DATA_FILES:
        return "data"
    return "code"
