"""Which router?: questions in the address, candidates with their parts, and what was removed."""


def test_answers_stand_in_the_address(open_page, texts):
    at = open_page("guide")
    assert at.title[0].value == "Which router?"
    assert len(at.segmented_control) == 1
    at.segmented_control(key="in-causal").set_value("yes").run()
    assert at.query_params["causal"] == "yes"
    said = texts(at)
    assert "Alpha router" in said
    assert "tokens choose" in said


def test_what_an_answer_removed_is_named(open_page, texts):
    at = open_page("guide", causal="yes")
    assert "Required: tokens choose (1 do not satisfy it, 0 not reported)" in [box.label for box in at.expander]
    assert "An invented reason." in texts(at)
    at = open_page("guide")
    assert not [box.label for box in at.expander if box.label.startswith("Required")]
    assert "**Preferred: it is even.** Another invented reason." in texts(at)


def test_a_candidate_has_code_and_a_way_to_run_it(open_page, kb):
    at = open_page("guide", causal="yes")
    assert at.code[0].value.strip() == kb.implementation_of("alpha-router").snippet.strip()
    assert "make_layer(" in at.code[0].value
    (link,) = [link for link in at.get("page_link") if link.label == "Run it"]
    assert link.proto.query_string == "implementation=switch-top1-router"


def test_an_answer_that_no_rule_speaks_of_says_so(open_page, texts):
    assert "Causal: no source" in texts(open_page("guide", causal="no"))


def test_senseless_answers_do_no_harm(open_page):
    at = open_page("guide", causal="<b>", gone="1")
    assert not at.error
    assert not at.exception
