"""Prices cross between gross and net without changing a cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.prices import NoTaxClass, canonical_rate, gross_of, gross_text, net_of, net_text, tax_class_for

RATES = tuple(map(Decimal, (0, 7, 10, 13, 19, 20, 25)))


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_every_cent_to_a_hundred_and_many_to_ten_thousand_come_back(rate: Decimal) -> None:
    cents = [*range(1, 10_001), *range(10_001, 1_000_001, 97), 1_000_000]
    for cent in cents:
        gross = Decimal(cent).scaleb(-2)
        assert gross_of(net_of(gross, rate), rate) == gross


@given(st.integers(0, 10**9), st.decimals(0, 50, places=3))
def test_any_price_at_any_rate_comes_back(cent: int, rate: Decimal) -> None:
    gross = Decimal(cent).scaleb(-2)
    assert gross_of(net_of(gross, rate), rate) == gross


@pytest.mark.parametrize(
    ("gross", "rate", "net"),
    [("1.99", 19, "1.6722689076"), ("2.99", 19, "2.5126050420"), ("150.00", 7, "140.1869158879")],
)
def test_net_is_what_the_till_computes(gross: str, rate: int, net: str) -> None:
    """inventorum-api.md section 8.5."""
    assert net_of(Decimal(gross), Decimal(rate)) == Decimal(net)


@pytest.mark.parametrize(("net", "gross"), [("0E-10", "0.00"), ("3E+1", "35.70"), ("4.20", "5.00")])
def test_any_spelling_of_a_net_price_is_read(net: str, gross: str) -> None:
    assert str(gross_of(Decimal(net), Decimal(19))) == gross


def test_a_rate_without_one_class_of_its_own_is_not_guessed() -> None:
    classes = {"standard": Decimal(19), "books": Decimal(7), "food": Decimal("7.00")}
    assert tax_class_for(Decimal("19.000"), classes, {}) == "standard"
    assert tax_class_for(Decimal(7), classes, {}) == NoTaxClass(Decimal(7), ("books", "food"))
    assert tax_class_for(Decimal(13), classes, {}) == NoTaxClass(Decimal(13), ())
    assert tax_class_for(Decimal("7.0"), classes, {Decimal(7): "food"}) == "food"


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_gross_price_that_is_stored_as_net_text_comes_back(rate: Decimal) -> None:
    for cent in [*range(1, 10_001), *range(10_001, 1_000_001, 97), 1_000_000]:
        gross = f"{Decimal(cent).scaleb(-2):.2f}"
        net = net_text(gross, rate)
        assert gross_text(net, rate) == gross
        assert "E" not in net


@given(st.integers(0, 10**7), st.sampled_from(RATES), st.sampled_from(RATES))
def test_a_rate_that_changes_to_and_fro_moves_no_cent(cent: int, one: Decimal, other: Decimal) -> None:
    gross = f"{Decimal(cent).scaleb(-2):.2f}"
    for rate in (one, other, one):
        found = gross_text(net_text(gross, rate), rate)
        assert found == gross


@given(st.decimals(0, 100, places=4))
def test_a_rate_has_one_spelling(rate: Decimal) -> None:
    text = canonical_rate(rate)
    assert text is not None
    assert Decimal(text) == rate
    assert canonical_rate(Decimal(text)) == text
    assert text == "0" or not text.startswith("00")
    assert "." not in text or not text.endswith("0")
