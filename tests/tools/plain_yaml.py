"""As much of YAML as the manifests of tools/serving use: no YAML package is installed.

    (document,) = read("a:\n  - b: [1, true]\n")  # {"a": [{"b": [1, True]}]}

Maps and lists in blocks, lists on a line, text in double quotes, folded text (>-), comments on
lines of their own. Anything else fails here, or as what the tests expect.
"""

Line = tuple[int, str]


def read(text: str) -> list:
    """The documents of a file."""
    documents = []
    for part in text.split("\n---\n"):
        rows = [row for row in part.splitlines() if row.strip() and row.lstrip()[0] != "#"]
        lines = [(len(row) - len(row.lstrip()), row.strip()) for row in rows]
        value, rest = _block(lines)
        assert not rest, rest
        documents.append(value)
    return documents


def _block(lines: list[Line]) -> tuple[object, list[Line]]:
    """The map or list, or the scalar, that the lines begin with, and the lines behind it."""
    depth, first = lines[0]
    if first.startswith("- "):
        items = []
        while lines and lines[0][0] == depth and lines[0][1].startswith("- "):
            # What follows the dash is a block of its own, two columns to the right.
            item, lines = _block([(depth + 2, lines[0][1][2:].lstrip()), *lines[1:]])
            items.append(item)
        return items, lines
    if first == ">-":
        inside = [text for indent, text in _inside(lines[1:], depth - 2)]
        return " ".join(inside), lines[1 + len(inside) :]
    if not _is_entry(first):
        return _scalar(first), lines[1:]
    found = {}
    while lines and lines[0][0] == depth and _is_entry(lines[0][1]):
        key, _, value = lines[0][1].partition(":")
        assert key not in found, key
        inline = [(depth + 2, value.strip())] if value.strip() else []
        found[key], lines = _block([*inline, *lines[1:]])
    return found, lines


def _inside(lines: list[Line], depth: int) -> list[Line]:
    count = next((i for i, (indent, _) in enumerate(lines) if indent <= depth), len(lines))
    return lines[:count]


def _is_entry(text: str) -> bool:
    return text[0] not in '"[' and (": " in text or text.endswith(":"))


def _scalar(text: str) -> object:
    if text.startswith("["):
        return [_scalar(item.strip()) for item in text[1:-1].split(",")]
    if text.startswith('"'):
        return text[1:-1]
    return int(text) if text.isdecimal() else {"true": True, "false": False}.get(text, text)
