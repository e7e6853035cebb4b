"""Whether a defence holds: what its strongest attack leaves of what it gets right.

rows = result["attacks"]
holding(rows)                # {"smallest": "apgd-ce", "holds": False}
"""

# Of what a defence gets right, the least that its strongest attack must leave of it.
HOLDS = 0.5


def holding(rows: dict[str, dict]) -> dict:
    """Which attack is the strongest, and whether it leaves a defence half of what it gets right.

    Rows of several stages are decided more often than others, so each is held against its control.

    Args:
      rows: of the result, by name.
    """

    def left(name: str) -> float:
        return rows[name]["accuracy"] / max(unattacked(rows, name), 1e-12)

    attacked = [name for name in rows if name != "clean"]
    if not attacked:
        return {}
    smallest = min(attacked, key=left)
    return {"smallest": smallest, "holds": left(smallest) >= HOLDS}


def unattacked(rows: dict[str, dict], name: str) -> float:
    """What a row would count if its attack did nothing."""
    return rows[name].get("control", rows["clean"]["accuracy"])
