"""Figures in documents: blocks that a run of the benchmark writes, so that nobody pastes.

    <!-- figures: paths -->
    (everything here is replaced)
    <!-- end of figures -->
"""
import re

BLOCK = re.compile(r"<!-- figures: ([^\n]*?) -->\n(.*?)<!-- end of figures -->", re.DOTALL)


class DocumentError(Exception):
    """The document cannot be refreshed; the text says why."""


def refresh(text, sections):
    """The document with its blocks anew, and the names of blocks for which nothing was measured."""
    if len(BLOCK.findall(text)) != text.count("<!-- figures: ") or not BLOCK.search(text):
        raise DocumentError("there is no block between <!-- figures: NAME --> and <!-- end of figures -->, "
                            "or one of them does not end")
    left = []

    def block(match):
        name = match.group(1)
        if name not in sections:
            left.append(name)
            return match.group(0)
        return (f"<!-- figures: {name} -->\n\n```\n{sections[name].rstrip()}\n```\n\n"
                "<!-- end of figures -->")
    return BLOCK.sub(block, text), left


def refresh_file(file, directory):
    """From a directory with NAME.txt for each section; the names that were left as they are."""
    sections = {path.stem: path.read_text(encoding="utf-8") for path in directory.glob("*.txt")}
    text, left = refresh(file.read_text(encoding="utf-8"), sections)
    file.write_text(text, encoding="utf-8")
    return left
