# SPDX-License-Identifier: MIT
"""The varlink interface definition language, and whether a value is of a type in it.

The grammar is the narrow one that every parser accepts: comments only before a declaration or a
field, no [][]T, no [string](), no empty () as a type, no any, no dash in the value of an enum.
"""

import re

TOKEN = re.compile(r"(?P<space>[ \t]+)|(?P<newline>\n)|(?P<comment>\#[^\n]*)"
                   r"|(?P<mark>->|\[string\]|\[\]|[(),:?])|(?P<word>[A-Za-z][A-Za-z0-9_.]*)"
                   r"|(?P<other>.)")
INTERFACE = re.compile(r"[A-Za-z](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)+$")
MEMBER = re.compile(r"[A-Z][A-Za-z0-9]*$")
FIELD = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*$")
BASIC = {"bool": bool, "int": int, "float": float, "string": str, "object": dict}


class Wrong(Exception):
    """The description breaks the grammar, or a value is not what its type says."""


class Parser:
    """One description: its name, types, methods (in, out) and errors, and the comment of each and of each field."""

    def __init__(self, text):
        self.types, self.methods, self.errors, self.comments, self.enums = {}, {}, {}, {}, {}
        self.tokens = [(m.lastgroup, m.group()) for m in TOKEN.finditer(text)
                       if m.lastgroup != "space"]
        self.comment = []
        self.take("interface")
        self.name = self.word(INTERFACE)
        self.comments[self.name] = self.comment
        while self.peek():
            self.declaration()
        self.check_references()

    def skip(self, comments):
        """Steps over newlines, and collects comments where they may stand."""
        self.comment = self.comment if comments == "keep" else []
        while self.tokens and self.tokens[0][0] in ("newline", "comment"):
            kind, text = self.tokens.pop(0)
            if kind == "comment":
                if comments == "none":
                    raise Wrong(f"a comment in the wrong place: {text}")
                self.comment.append(text[1:].strip())
            elif self.tokens and self.tokens[0][0] == "newline" and comments != "none":
                self.comment = []

    def peek(self, comments="allowed"):
        """The next token's text, None at the end."""
        if self.tokens and self.tokens[0][0] in ("newline", "comment"):
            self.skip(comments)
        return self.tokens[0][1] if self.tokens else None

    def take(self, wanted, comments="allowed"):
        """Steps over the token that must come."""
        found = self.peek(comments)
        if found != wanted:
            raise Wrong(f"{wanted!r} is wanted, not {found!r}")
        self.tokens.pop(0)

    def word(self, pattern):
        """A word of that shape."""
        if not self.tokens or not pattern.match(self.tokens[0][1]):
            raise Wrong(f"{self.tokens[:1]} is no {pattern.pattern}")
        return self.tokens.pop(0)[1]

    def declaration(self):
        """A type, a method or an error."""
        keyword, comment = self.tokens.pop(0)[1], self.comment
        name = self.word(MEMBER)
        if name in self.comments:
            raise Wrong(f"{name} is there twice")
        self.comments[name] = comment
        if keyword == "type":
            self.types[name] = self.braces(name)
        elif keyword == "error":
            self.errors[name] = self.fields(name)
        elif keyword == "method":
            parameters = self.fields(name)
            self.take("->")
            self.methods[name] = (parameters, self.fields(name))
        else:
            raise Wrong(f"{keyword!r} begins no declaration")

    def fields(self, owner):
        """A struct, which may be empty here."""
        found = self.braces(owner, may_be_empty=True)
        if found[0] != "struct":
            raise Wrong(f"{owner} has an enum in place of parameters")
        return found

    def braces(self, owner, may_be_empty=False):
        """A struct or an enum: ("struct", {name: type}) or ("enum", [names])."""
        self.take("(", "none")
        self.comment = []  # that of the declaration is not the first field's
        if self.peek() == ")":
            self.tokens.pop(0)
            if not may_be_empty:
                raise Wrong(f"{owner} has an empty () as a type")
            return ("struct", {})
        members, values = {}, []
        while True:
            self.peek()
            comment, name = self.comment, self.word(FIELD)
            self.comments[f"{owner}.{name}"] = comment
            if name in members or name in values:
                raise Wrong(f"{owner}.{name} is there twice")
            if self.peek("none") == ":":
                self.tokens.pop(0)
                members[name] = self.type(f"{owner}.{name}")
            else:
                values.append(name)
            if self.peek("keep") == ")":
                break
            self.take(",", "keep")
            self.comment = []
        self.tokens.pop(0)
        if members and values:
            raise Wrong(f"{owner} mixes a struct and an enum")
        if values:
            self.enums[owner] = values
            for name in values:  # what they mean is said where the enum is
                del self.comments[f"{owner}.{name}"]
        return ("struct", members) if members else ("enum", values)

    def type(self, owner):
        """Any type, as a tuple."""
        mark = self.peek("none")
        if mark in ("?", "[]", "[string]"):
            self.tokens.pop(0)
            inner = self.type(owner)
            kind = {"?": "maybe", "[]": "array", "[string]": "map"}[mark]
            if inner[0] == kind or (kind == "map" and inner[0] == "struct"):
                raise Wrong(f"{owner}: {mark} before {inner[0]}")
            if inner[0] == "array" and kind == "array":
                raise Wrong(f"{owner}: [][]")
            return (kind, inner)
        if mark == "(":
            return self.braces(owner)
        name = self.word(FIELD)
        if name == "any":
            raise Wrong(f"{owner}: any")
        return ("basic", name) if name in BASIC else ("named", name)

    def check_references(self):
        """Every type that is named must be there."""
        def walk(kind, inner):
            if kind == "named" and inner not in self.types:
                raise Wrong(f"there is no type {inner}")
            if kind in ("maybe", "array", "map"):
                walk(*inner)
            if kind == "struct":
                for member in inner.values():
                    walk(*member)
        for found in [*self.types.values(), *self.errors.values(),
                      *[half for method in self.methods.values() for half in method]]:
            walk(*found)

    def check(self, kind, inner, value, where):
        """Raises Wrong unless the value is of the type, without a member too many or too few."""
        if kind == "named":
            self.check(*self.types[inner], value, where)
        elif kind == "maybe":
            self.check(*inner, value, where)
        elif kind == "basic":
            if type(value) is not BASIC[inner]:
                raise Wrong(f"{where} is {value!r}, no {inner}")
        elif kind == "enum":
            if value not in inner:
                raise Wrong(f"{where} is {value!r}, none of {inner}")
        elif kind == "array":
            if not isinstance(value, list):
                raise Wrong(f"{where} is {value!r}, no array")
            for i, item in enumerate(value):
                self.check(*inner, item, f"{where}[{i}]")
        elif kind == "map":
            if not isinstance(value, dict):
                raise Wrong(f"{where} is {value!r}, no map")
            for name, item in value.items():
                self.check(*inner, item, f"{where}.{name}")
        else:
            self.check_struct(inner, value, where)

    def check_struct(self, members, value, where):
        """A struct: a member may be absent if it is nullable, and is never null."""
        if not isinstance(value, dict):
            raise Wrong(f"{where} is {value!r}, no struct")
        for name in value:
            if name not in members:
                raise Wrong(f"{where}.{name} is not in the description")
        for name, (kind, inner) in members.items():
            if name in value:
                self.check(kind, inner, value[name], f"{where}.{name}")
            elif kind != "maybe":
                raise Wrong(f"{where}.{name} is missing")
