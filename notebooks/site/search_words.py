"""Search that knows this field's words: "He" is a scheme, no pronoun, and "fan-in" is one word."""

import re

from sphinx.search.en import SearchEnglish


class SearchWords(SearchEnglish):
    """English where "he" counts, and a word with hyphens is found as a whole and by its parts."""

    stopwords = SearchEnglish.stopwords - {"he"}
    js_splitter_code = r"""
function splitQuery(query) {
  return query.match(/[\p{Letter}\p{Number}_]+(?:-[\p{Letter}\p{Number}_]+)*/gu) ?? [];
}
"""

    def split(self, text):
        words = re.findall(r"\w+(?:-\w+)*", text)
        parts = [part for word in words if "-" in word for part in word.split("-")]
        return words + parts


def setup(app):
    app.add_search_language(SearchWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
