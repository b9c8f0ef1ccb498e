#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a text file as a C string constant: embed.py FILE NAME > OUTPUT"""

import sys

path, name = sys.argv[1:]
print(f"extern const char {name}[];\nconst char {name}[] =")
with open(path, encoding="ascii") as file:
    for line in file:
        text = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
        print(f'\t"{text}\\n"')
print("\t;")
