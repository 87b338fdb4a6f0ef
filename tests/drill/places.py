# SPDX-License-Identifier: MIT
"""The names of the sites of a drill."""

SITES = ("tokyo", "osaka")
WITNESS = "witness"
