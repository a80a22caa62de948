"""Values of products' options: found by their names, made where they are missing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, mapping_of, row_of, rows_of, text_of
from syncd.adapters.vendure.operations import MAKE_OPTION, OPTIONS
from syncd.adapters.vendure.wire import id_of
from syncd.core.model import Refused
from syncd.errors import OutcomeUnknown

if TYPE_CHECKING:
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts


class OptionWriter:
    """Finds and makes values. A group of options is one of all variants of a product: none is added or taken away.

    Args:
        client: Calls.
        facts: The channel's language.
        language: Of new names; ``None`` for the channel's own.
    """

    def __init__(self, client: VendureClient, facts: ShopFacts, language: str | None) -> None:
        self._client = client
        self._facts = facts
        self._language = language

    def ids(self, product: str, wanted: Mapping[str, str]) -> list[str] | Refused:
        """Ids of the options that a variant of a product is to have.

        Raises:
            OutcomeUnknown: A value may have been made; no variant has it.
            Malformed: The shop's answer is not what the contract says.
        """
        data = self._client.query(OPTIONS, {"id": product}).data
        groups = rows_of(mapping_of(data.get("product"), "product"), "optionGroups")
        named = {name.casefold(): value for name, value in wanted.items()}
        if named.keys() != {text_of(group, "name").casefold() for group in groups}:
            words = "the product has other options than the variation; in this shop all variations have the same ones"
            return Refused("other_options", words)
        found = []
        for group in groups:
            value = named[text_of(group, "name").casefold()]
            known = {text_of(option, "name"): id_of(option) for option in rows_of(group, "options")}
            found.append(known.get(value) or self._make(id_of(group), value))
        return found

    def words(self, name: str) -> list[dict[str, str]]:
        """A name as a translation."""
        return [{"languageCode": self._language or self._facts.now().language, "name": name}]

    def _make(self, group: str, value: str) -> str:
        given = {"productOptionGroupId": group, "code": slug_of(value), "translations": self.words(value)}
        answer = self._client.mutate(MAKE_OPTION, {"input": given})
        try:
            return id_of(row_of(answer.data, "made"))
        except Malformed as error:
            raise OutcomeUnknown(self._client.side, self._client.request, f"the answer: {error}") from error


def slug_of(text: str) -> str:
    """A text as part of an address or code."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-") or "x"
