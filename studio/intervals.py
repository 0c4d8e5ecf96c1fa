"""The interval of a share."""

import math

Z95 = 1.959963984540054


def wilson(hits: float, of: float) -> tuple[float, float]:
    """The 95 % interval of the share hits / of (Wilson 1927, "Probable inference"); 0 to 1 where nothing was seen.

    `hits` may be a fraction, as weighted counts are.
    """
    if of <= 0:
        return 0.0, 1.0
    share, squared = hits / of, Z95 * Z95
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = Z95 / (1 + squared / of) * math.sqrt(max(share * (1 - share), 0.0) / of + squared / (4 * of * of))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
