"""Questions that survey A's Table 2 lets one ask, each answered from the records, with the newer models beside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from moe_kb.analysis.trends import Observation, matrices_of
from moe_kb.queries.routing import Where
from moe_kb.records.dates import span

TABLE = "table:survey-a-table-2"
IN_TABLE, BESIDE, NEWER, UNDATED = "in Table 2", "other models of its time", "newer than the table", "date not known"
#: Where a configuration stands to the table.
STANDINGS = (IN_TABLE, BESIDE, NEWER, UNDATED)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the chart that answers it, and a yes or no that can be counted."""

    name: str
    title: str
    said: str
    """What the survey says of it, in our words, and where."""
    y: str
    """Measure of the vertical axis."""
    x: str | None
    """Measure of the horizontal axis; None for the release date."""
    counted: str
    """The yes, in words: so many of them ..."""
    holds: Callable[[Observation], bool]
    lines: tuple[tuple[float, str], ...] = ()
    """By date: heights with their names. Against a measure: factors of it."""
    at: str = "§4.2.2"
    """Where the survey speaks of it."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Measures a configuration must have."""
        return (self.y,) if self.x is None else (self.x, self.y)


@dataclass(frozen=True, slots=True)
class Answer:
    """The configurations that have what a question asks for, and where each stands to the table."""

    question: Question
    observations: tuple[Observation, ...]
    standings: Mapping[Where, str]

    def standing(self, observation: Observation) -> str:
        """One of `STANDINGS`."""
        return self.standings[observation.where]

    @property
    def tally(self) -> list[tuple[str, int, int]]:
        """Of each standing with any configurations: its name, of how many the yes holds, how many there are."""
        out = []
        for standing in STANDINGS:
            members = [observation for observation in self.observations if self.standing(observation) == standing]
            if members:
                out.append((standing, sum(map(self.question.holds, members)), len(members)))
        return out


def answer(observations: Sequence[Observation], question: Question, standings: Mapping[Where, str]) -> Answer:
    """The configurations that have every measure of a question, dated where its chart needs that."""
    dated = question.x is None
    having = (row for row in observations if all(row.has(field, dated=dated) for field in question.fields))
    return Answer(question, tuple(having), standings)


def standings(observations: Sequence[Observation], inside: Collection[Where]) -> dict[Where, str]:
    """Where configurations stand to the table, given those in it: newer are those after its newest row."""
    ends = (span(row.released)[1] for row in observations if row.released and row.where in inside)
    last = max(ends, default="")

    def standing(observation: Observation) -> str:
        if observation.where in inside:
            return IN_TABLE
        if not observation.released:
            return UNDATED
        return NEWER if span(observation.released)[0] > last else BESIDE

    return {observation.where: standing(observation) for observation in observations}


def _gated(observation: Observation) -> bool:
    return (matrices_of(observation.words["activation"]) or 0) > 2


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "count",
            "How many experts does a layer hold?",
            "The first models had up to thousands; the survey sees later ones stay at 64 or below.",
            "n_routed_experts",
            None,
            "have at most 64 routed experts",
            lambda observation: observation.measured("n_routed_experts") <= 64,
            ((64, "64"),),
        ),
        Question(
            "chosen",
            "How many experts does a token use?",
            "One or two are the survey's common choices; splitting experts finely multiplies the number.",
            "experts_per_token",
            None,
            "use at most two routed experts per token",
            lambda observation: observation.measured("experts_per_token") <= 2,
            ((2, "2"),),
            "§2.2, §4.2.2",
        ),
        Question(
            "size",
            "How wide is an expert beside the dense network it replaces?",
            "Most experts of the table copy the dense network; DeepSeekMoE's fine-grained ones, and those cut out of a "
            "dense model, are a fraction of it.",
            "d_expert",
            "d_ffn",
            "have experts narrower than their dense network",
            lambda observation: observation.measured("d_expert") < observation.measured("d_ffn"),
            ((1, "as wide"), (1 / 4, "a quarter"), (1 / 8, "an eighth")),
        ),
        Question(
            "split",
            "Do narrower experts come with more of them per token?",
            "Cutting each expert into m pieces and using m times as many keeps the computation: the survey's example "
            "goes from 2 of 16 to 16 of 128 at an eighth of the width.",
            "experts_per_token",
            "segmentation",
            "have narrower experts, and use at least m of them per token",
            lambda observation: observation.measured("experts_per_token") >= observation.measured("segmentation") > 1,
            ((1, "k = m"), (2, "k = 2 m")),
        ),
        Question(
            "frequency",
            "Which part of the layers holds experts?",
            "Every second layer used to be usual and every fourth occurs; since Mixtral every layer, or all but the "
            "first few.",
            "moe_share",
            None,
            "hold experts in more than half of their layers",
            lambda observation: observation.measured("moe_share") > 50,
            ((50, "every second"), (25, "every fourth")),
        ),
        Question(
            "shared",
            "Do layers keep experts that every token uses?",
            "DeepSpeed-MoE brought a fixed expert beside the chosen one; the survey calls shared experts mainstream by "
            "its time.",
            "n_shared_experts",
            None,
            "have shared experts",
            lambda observation: observation.measured("n_shared_experts") > 0,
            at="§4.2.4",
        ),
        Question(
            "activation",
            "Which activation do the experts use?",
            "From ReLU over GeLU and GeGLU to SwiGLU, as dense models went.",
            "activation",
            None,
            "use an activation with a gate",
            _gated,
            at="§4.2.3",
        ),
        Question(
            "width",
            "How wide is the dense network for the width of the model?",
            "The table prints both widths, for some models only as four times that of the model.",
            "d_ffn",
            "d_model",
            "have a dense network less than four times as wide as the model",
            lambda observation: observation.measured("d_ffn") < 4 * observation.measured("d_model"),
            ((4, "4 d_model"), (8 / 3, "8/3 d_model")),
            "Table 2",
        ),
        Question(
            "heads",
            "Do the query heads together span the width of the model?",
            "The table prints the number of heads and the width of each.",
            "attention_width",
            "d_model",
            "have heads that together are exactly as wide as the model",
            lambda observation: observation.measured("attention_width") == observation.measured("d_model"),
            ((1, "as wide"), (2, "twice as wide")),
            "Table 2",
        ),
        Question(
            "active",
            "Which part of the parameters works on a token?",
            "The table tells its models apart by active and total size.",
            "params_active",
            "params_total",
            "use at most a tenth of their parameters per token",
            lambda observation: 10 * observation.measured("params_active") <= observation.measured("params_total"),
            ((1, "all"), (1 / 10, "a tenth"), (1 / 100, "a hundredth")),
            "Table 2",
        ),
    )
}
