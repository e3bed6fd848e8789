"""Judges that are not ours: providers on loopback whose every verdict is another library's.

The routing, the storage and the pages are ours; the reading of the request, the base string and the
comparison of signatures are theirs. A judge gets the raw request target, the headers and the body as they
arrived.
"""

from __future__ import annotations
