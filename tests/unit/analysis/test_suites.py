"""Cases that test nothing users ask, and cases that test the same thing twice."""

from everyturn.analysis.suites import FOREIGN, NO_INPUT, NO_INTENT, NO_REQUEST, SuiteCase, inspect

REQUESTS = ["where is my parcel", "my parcel is late", "cancel the order please", "please cancel my order"]


def look(*cases: SuiteCase, recent=frozenset({"i1"})):
    return inspect(cases, REQUESTS, recent)


def test_a_case_is_stale_for_a_reason():
    found = look(
        SuiteCase("s", "good", "where is the parcel", "i1"),
        SuiteCase("s", "scores-only", None, None),
        SuiteCase("s", "french", "comment réinitialiser un mot secret", None),
        SuiteCase("s", "odd", "my order of the phoenix", None),
        SuiteCase("s", "old", "cancel the order", "i2"),
    )
    assert {case.case_id: why for case, why in found.stale} == {
        "scores-only": NO_INPUT,
        "french": FOREIGN,
        "odd": NO_INTENT,
        "old": NO_REQUEST,
    }


def test_near_duplicates_are_grouped_whatever_their_suite():
    found = look(
        SuiteCase("a", "1", "Where is my parcel?", "i1"),
        SuiteCase("b", "1", "where is my PARCEL", "i1"),
        SuiteCase("b", "2", "Cancel the order of the two blue chairs", "i1"),
        SuiteCase("b", "3", "Cancel the order of the two red chairs, and refund the card I paid with", "i1"),
    )
    assert [[(c.suite, c.case_id) for c in group] for group in found.duplicates] == [[("a", "1"), ("b", "1")]]


def test_suites_without_words_are_looked_at_too():
    assert look().to_json() == {"stale": [], "duplicates": []}
    assert look(SuiteCase("s", "1", "?!", "i1"), SuiteCase("s", "2", "…", "i1")).duplicates == ()
    some = [SuiteCase("s", "1", "a parcel", None), SuiteCase("s", "2", None, None)]
    unknown = inspect(some, [], frozenset())  # nothing is known of what users ask
    assert [(case.case_id, why) for case, why in unknown.stale] == [("2", NO_INPUT)]
