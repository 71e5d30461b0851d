import pytest

from vitonnx.errors import UsageError
from vitonnx.layout import Layout


def layout(*prefix_tokens: str) -> Layout:
    return Layout(grid=(3, 5), patch_size=7, prefix_tokens=prefix_tokens, blocks=11, heads=2)


def test_tokens_are_counted() -> None:
    distilled = layout("cls", "dist")
    assert (distilled.prefix, distilled.tokens, distilled.class_token) == (2, 17, 0)


def test_a_model_may_have_no_class_token() -> None:
    assert layout().class_token is None
    assert layout("reg0", "cls").class_token == 1


def test_blocks_are_named_with_two_digits() -> None:
    assert [layout().attention(block) for block in (0, 3, 10, -1, -11)] == [
        "block_00/attention",
        "block_03/attention",
        "block_10/attention",
        "block_10/attention",
        "block_00/attention",
    ]


@pytest.mark.parametrize("block", [11, -12])
def test_a_block_that_is_not_there(block: int) -> None:
    with pytest.raises(UsageError, match=f"no block {block}; .* 0 to 10, .* -11 to -1"):
        layout().block(block)
