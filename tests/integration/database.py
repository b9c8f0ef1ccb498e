# SPDX-License-Identifier: MIT
"""The daemon's database, edited behind its back, with the checksums of its pages made anew."""

import contextlib
import sqlite3
import struct

PAGE = 4096
SUMMED = PAGE - 8
MASK = (1 << 64) - 1


def checksum(page, number):
    """As store_page_checksum() makes it."""
    value = number ^ 0x9E3779B97F4A7C15
    for (word,) in struct.iter_unpack("<Q", page[:SUMMED]):
        value = ((value ^ word) * 0xFF51AFD7ED558CCD) & MASK
        value ^= value >> 32
    return value


def seal(path):
    """Makes the checksums of all pages that the database says it has, if it has room for them."""
    with open(path, "r+b") as file:
        head = file.read(32)
        (n_pages,) = struct.unpack(">I", head[28:])
        for number in range(n_pages if head[20] == PAGE - SUMMED else 0):
            file.seek(number * PAGE)
            page = file.read(PAGE)
            file.seek(number * PAGE + SUMMED)
            file.write(struct.pack("<Q", checksum(page, number)))


@contextlib.contextmanager
def edit(path):
    """A connection to the database of a daemon that is down; what it changes is there afterwards."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        yield database
    seal(path)
