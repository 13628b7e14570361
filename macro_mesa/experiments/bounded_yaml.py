"""YAML from strangers: plain data only, and no more of it than a settings file can need."""

from pathlib import Path
from typing import Any

import yaml

MAX_CHARACTERS = 2**18
MAX_ENTRIES = 100_000
MAX_DIGITS = 300


def read_yaml(path: Path) -> Any:
    """The content of a file, as ``load_yaml``; raises ``OSError`` and ``UnicodeDecodeError`` too."""
    with path.open() as file:
        return load_yaml(file.read(MAX_CHARACTERS + 1))


def load_yaml(text: str) -> Any:
    """``text`` as strings, numbers, lists and mappings; raises ``yaml.YAMLError`` with one reason.

    An alias counts with everything it stands for, so a few lines cannot unfold to gigabytes ("billion laughs").
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"it has more than {MAX_CHARACTERS} characters")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _entries(node, {}) > MAX_ENTRIES:
            raise yaml.YAMLError(f"its aliases unfold to more than {MAX_ENTRIES} entries")
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        # what the constructors of numbers, truth values and dates raise for texts that are none
        raise yaml.YAMLError(f"one of its values cannot be read: {error}") from None


def _entries(node: yaml.Node, counted: dict[int, int]) -> int:
    """Entries below a node with every alias unfolded."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag.endswith(":int") and len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(f"one of its numbers has more than {MAX_DIGITS} digits")
        return 1
    if id(node) not in counted:
        counted[id(node)] = MAX_ENTRIES + 1  # an alias within what it stands for has no end
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(child,) for child in node.value]
        counted[id(node)] = 1 + sum(_entries(child, counted) for pair in pairs for child in pair)
    return counted[id(node)]
