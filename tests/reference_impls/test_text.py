import math
from pathlib import Path

import pytest
import torch

from reference_impls.tasks.text import (
    DOMAINS,
    CorpusError,
    load_corpus,
    training_batch,
    unigram_bits_per_byte,
    validation_batches,
)


@pytest.fixture(scope="module")
def corpus():
    return load_corpus(100_000, 64)


def test_this_python_carries_prose_and_code(corpus):
    assert {"prose", "code", "data"} <= set(corpus.domains) <= set(DOMAINS)
    for domain in corpus.domains:
        total = len(corpus.train[domain]) + len(corpus.validation[domain])
        assert 50_000 < total <= 100_100  # separators come on top
        assert 0.02 < len(corpus.validation[domain]) / total < 0.3
    assert b"\n" in bytes(corpus.train["prose"].tolist())


def test_reading_twice_gives_the_same_text_and_more_bytes_give_more(corpus):
    assert load_corpus(100_000, 64).digest == corpus.digest
    assert load_corpus(50_000, 64).digest != corpus.digest


def library(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_files_fall_into_their_domains_and_foreign_ones_are_left_out(tmp_path: Path):
    files = {f"m{i}.py": f"code{i:02}" * 9 for i in range(30)}
    files |= {f"json/tests/t{i}.py": f"test{i:02}" * 9 for i in range(30)}
    files |= {f"encodings/cp{i}.py": f"data{i:02}" * 9 for i in range(30)}
    files |= dict.fromkeys(["site-packages/x.py", "_sysconfigdata_x.py", "notes.txt"], "foreign" * 9)
    read = load_corpus(10_000, 16, library(tmp_path, files))
    for domain in ("code", "tests", "data"):
        for split in (read.train, read.validation):
            text = bytes(split[domain].tolist())
            assert b"foreign" not in text
            assert all(part[:4] == domain[:4].encode() for part in text.split(b"\0"))
        held_out, kept = (
            {part[:6] for part in bytes(split[domain].tolist()).split(b"\0")} for split in (read.validation, read.train)
        )
        assert len(held_out) == 3
        assert len(kept) == 27
        assert not held_out & kept  # a document is in one split only


def test_a_domain_too_small_for_a_window_is_left_out(tmp_path: Path):
    files = {f"m{i}.py": "code" * 100 for i in range(20)} | {"encodings/a.py": "x"}
    assert "data" not in load_corpus(100_000, 64, library(tmp_path, files)).domains


def test_no_text_at_all_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pydoc_data.topics.topics", {})
    with pytest.raises(CorpusError, match="a full Python installation is needed"):
        load_corpus(100_000, 64, tmp_path)


def test_a_batch_predicts_the_next_byte_and_takes_domains_in_turn(corpus):
    generator = torch.Generator().manual_seed(1)
    batch = training_batch(corpus, 8, 64, generator)
    assert batch.input_BS.shape == batch.target_BS.shape == (8, 64)
    assert torch.equal(batch.input_BS[:, 1:], batch.target_BS[:, :-1])
    assert torch.bincount(batch.domain_B).tolist() == [8 // len(corpus.domains)] * len(corpus.domains)
    for row, label in zip(batch.input_BS, batch.domain_B, strict=True):
        window = bytes(row.tolist())
        assert window in bytes(corpus.train[corpus.domains[label]].tolist())
    again = training_batch(corpus, 8, 64, torch.Generator().manual_seed(1))
    assert torch.equal(again.input_BS, batch.input_BS)


def test_validation_windows_are_held_out_and_always_the_same(corpus):
    batches = validation_batches(corpus, 5, 64, 12)
    assert sum(len(batch.input_BS) for batch in batches) == 12 // len(corpus.domains) * len(corpus.domains)
    assert all(len(batch.input_BS) <= 5 for batch in batches)
    for batch in batches:
        for row, label in zip(batch.target_BS, batch.domain_B, strict=True):
            assert bytes(row.tolist()) in bytes(corpus.validation[corpus.domains[label]].tolist())
    assert torch.equal(validation_batches(corpus, 5, 64, 12)[0].input_BS, batches[0].input_BS)


def test_the_unigram_baseline_lies_between_one_and_eight_bits(corpus):
    bits = unigram_bits_per_byte(corpus, validation_batches(corpus, 5, 64, 40))
    assert 3 < bits < 6
    frequency = torch.zeros(256, dtype=torch.float64)
    for domain in corpus.domains:
        counts = torch.bincount(corpus.train[domain].long(), minlength=256) + 1
        frequency += counts / counts.sum() / len(corpus.domains)
    targets = torch.cat([b.target_BS.flatten() for b in validation_batches(corpus, 5, 64, 40)])
    expected = -sum(math.log2(frequency[t]) for t in targets.tolist()) / len(targets)
    assert bits == pytest.approx(expected, rel=1e-6)
