"""English text that every Python ships: the help on the language's own topics, about 0.7 million characters.

Another version of Python has another text; the data's fingerprint tells them apart. What is no printable ASCII, about
1 character in 800, is one token, so that a network fits the text of any version.
"""

from __future__ import annotations

from edgekit.data.examples import Source
from edgekit.data.sources.text_file import whole

ASCII = ["\n", *map(chr, range(ord(" "), 127))]


def read() -> Source:
    """Return all topics in the order of their names, an empty line between two."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    return Source(whole(text, "pydoc_data.topics"), labels=ASCII)
