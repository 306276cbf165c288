from runtimeenv.core.patches import add, member, remove
from tests.patching import applied


def test_a_member_may_have_slashes_and_tildes_in_its_name() -> None:
    assert member("/metadata/annotations", "a~b/c") == "/metadata/annotations/a~0b~1c"
    assert applied({"x": {}}, [add(member("/x", "a~b/c"), 1)]) == {"x": {"a~b/c": 1}}


def test_an_element_is_inserted_before_the_one_that_stands_there() -> None:
    assert applied({"x": [1, 2]}, [add("/x/0", 0)]) == {"x": [0, 1, 2]}


def test_removals_from_the_end_take_the_elements_that_were_meant() -> None:
    assert applied({"x": [0, 1, 2]}, [remove("/x/2"), remove("/x/0")]) == {"x": [1]}
