"""The list of papers and a paper's page."""

from shown import tables


def test_lists_everything_newest_first(open_page):
    at = open_page("papers")
    assert list(tables(at)[0]["title"]) == ["Alpha: Routing Invented Tokens", "Beta Learns to Share"]


def test_filters_stand_in_the_address(open_page):
    at = open_page("papers")
    at.toggle(key="in-code").set_value(True).run()
    assert (at.query_params["code"], list(tables(at)[0]["title"])) == ("yes", ["Alpha: Routing Invented Tokens"])
    at.toggle(key="in-code").set_value(False).run()
    assert "code" not in at.query_params
    at.slider(key="in-years").set_range(2020, 2020).run()
    assert (at.query_params["years"], list(tables(at)[0]["title"])) == ("2020-2020", ["Beta Learns to Share"])


def test_an_address_brings_its_filters_back(open_page):
    at = open_page("papers", under="first:algorithm/gating/sparse", venue="Conference of Examples")
    assert at.selectbox(key="in-under").value == "first:algorithm/gating/sparse"
    assert at.multiselect(key="in-venue").value == ["Conference of Examples"]
    assert list(tables(at)[0]["title"]) == ["Alpha: Routing Invented Tokens"]


def test_a_search_leads_to_designs_and_models_too(open_page, texts):
    at = open_page("papers", q="alpha router")
    assert {"Alpha router (design)", "Results of all kinds"} <= {link.label for link in at.get("page_link")}
    assert "Results of all kinds" not in {link.label for link in open_page("papers").get("page_link")}


def test_nothing_found_says_what_to_do(open_page, texts):
    at = open_page("papers", q="zzzz")
    assert "No results." in texts(at)
    assert not tables(at)


def test_a_paper_says_everything_with_its_source(open_page, texts):
    at = open_page("paper", key="alpha")
    words = texts(at)
    assert "[Ada Author](author?name=Ada+Author), [Bo Writer](author?name=Bo+Writer)" in words
    assert "Invents a router that sends each token to the expert of its choice." in words
    assert "[First survey](https://example.org/first), §2" in words
    assert "printed as Alpha; Alpha-L" in words
    assert "2103.00001" in at.code[0].value
    labels = [link.label for link in at.get("page_link")]
    assert "Sparse" in labels
    assert "Alpha router (gating)" in labels
    assert {link.label for link in at.get("link_button")} == {"Paper", "Code", "arXiv"}
    assert at.download_button[0].label == "Download .bib"


def test_a_paper_of_which_little_is_known(open_page, texts):
    words = texts(open_page("paper", key="beta"))
    assert "[Bo Writer](author?name=Bo+Writer) and others" in words
    assert "No summary yet." in words
    assert "No model" not in words


def test_editing_is_offered_where_a_repository_is_set(open_page, monkeypatch):
    monkeypatch.setenv("MOE_KB_REPOSITORY", "https://github.com/example/moe-kb")
    links = {link.label: link.url for link in open_page("paper", key="alpha").get("link_button")}
    assert links["Edit this record"] == "https://github.com/example/moe-kb/edit/main/data/papers/2021/alpha.yaml"
    monkeypatch.setenv("MOE_KB_REPOSITORY", "javascript:alert(1)")
    assert "Edit this record" not in [link.label for link in open_page("paper", key="alpha").get("link_button")]


def test_audit_issues_stand_on_every_record_concerned(open_page, texts):
    records = {"paper": "beta", "design": "alpha-router", "model": "alpha", "systems": "first-table"}
    paper, design, model, table = (open_page(page, key=key) for page, key in records.items())

    def audits(at):
        return [expander.label for expander in at.expander if expander.label.startswith("Audit")]

    assert audits(paper) == audits(design) == ["Audit: 1 issue, all waived"]
    assert audits(model) == ["Audit: 7 issues, 7 open"]
    assert audits(table) == ["Audit: 2 issues, 2 open"], "those of its rows"
    assert "of 2020, is said to use design:alpha-router of 2021" in texts(paper).replace("\\", "")
    assert "The idea is older than its name. [First survey](https://example.org/first), §3" in texts(paper)
    assert "paper:beta uses" in texts(design).replace("\\", "")
    assert "768 ([Second list](https://example.org/second), README, row 1)" in texts(model)
    assert audits(open_page("paper", key="alpha")) == []


def test_what_is_filtered_is_cited_whole(open_page):
    assert open_page("papers").download_button[0].label == ".bib of these 2 papers"
    assert open_page("papers", q="invented").download_button[0].label == ".bib of this paper"


def test_a_record_downloads_as_json(open_page):
    at = open_page("paper", key="alpha")
    assert "JSON of this record" in [button.label for button in at.download_button]


def test_a_node_is_cited_whole(open_page):
    at = open_page("taxonomy", node="first:algorithm")
    assert ".bib of these 2 papers" in [button.label for button in at.download_button]


def test_designs_compared_can_be_taken_along(open_page):
    at = open_page("compare", keys="alpha-router,beta-router")
    assert any(code.value.startswith("| Property | Alpha router") for code in at.code)
    at.segmented_control(key="copy-comparison").set_value("latex").run()
    assert any(r"\begin{tabular}{lll}" in code.value for code in at.code)
