"""Mutants behind switches: all of them in one build, one switched on at a time by the environment.

cargo-mutants says what is replaced by what, and where. Here each replacement becomes a choice that the running program makes:
`a < b` becomes `(if crate::mutant(7) { a > b } else { a < b })`, and a function begins with `if crate::mutant(8) { return false; }`.
So a hundred mutants cost one build.
"""

import re

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
# Appended to lib.rs. The core knows no std, and neither must what cargo-mutants writes in the name of it.
SWITCH = """
extern crate std as outside;
pub(crate) fn mutant(number: u32) -> bool {
    static ON: outside::sync::OnceLock<u32> = outside::sync::OnceLock::new();
    let read = || outside::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
    *ON.get_or_init(read) == number
}
"""
OPERATIONS = ("binary_expression", "compound_assignment_expr")


class File:
    """A source file and the mutants in it, by the nodes of its syntax that they change."""

    def __init__(self, text):
        self.bytes = text.encode()
        self.tree = PARSER.parse(self.bytes)
        self.changes = {}

    def add(self, number, mutant):
        """Whether the mutant can be a switch."""
        start, end = (self.offset(mutant["span"][side]) for side in ("start", "end"))
        node = self.find(start, end, mutant["genre"])
        if node is not None:
            self.changes.setdefault(key(node), []).append((number, mutant["genre"], mutant["replacement"]))
        return node is not None

    def offset(self, place):
        lines = self.bytes.decode().split("\n")
        before = "\n".join([*lines[: place["line"] - 1], lines[place["line"] - 1][: place["column"] - 1]])
        return len(before.encode())

    def find(self, start, end, genre):
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        wanted = {
            "FnValue": ("function_item",),
            "BinaryOperator": OPERATIONS,
            "UnaryOperator": ("unary_expression",),
            "MatchArm": ("match_arm",),
            "MatchArmGuard": ("match_pattern",),
        }.get(genre, ())
        while node is not None and node.type not in wanted:
            node = node.parent
        return node

    def written(self):
        return self.write(self.tree.root_node).decode()

    def write(self, node):
        """The node as it is, but for what changes in it."""
        changes = self.changes.get(key(node), [])
        parts = {key(child): self.write(child) for child in node.children}
        whole = self.joined(node, parts)
        if not changes:
            return whole
        genre = changes[0][1]
        if genre == "FnValue":
            body = node.child_by_field_name("body")
            early = "".join(f" if crate::mutant({number}) {{ return {value}; }}" for number, _, value in changes)
            written = parts[key(body)]
            return self.joined(node, {**parts, key(body): b"{" + early.encode() + written[1:]})
        if genre == "BinaryOperator":
            sides = [node.child_by_field_name(side) for side in ("left", "right")]
            left, right = (parts[key(side)].decode() for side in sides)
            if sides[0].type == "type_cast_expression":  # `a as u64 < b` would begin a list of types
                left = f"({left})"
            return choice(whole, [(number, f"{left} {operator} {right}") for number, _, operator in changes])
        if genre == "UnaryOperator":
            return choice(whole, [(number, parts[key(node.children[-1])].decode()) for number, _, _ in changes])
        if genre == "MatchArm":
            pattern = node.child_by_field_name("pattern")
            off = " && ".join(f"!crate::mutant({number})" for number, _, _ in changes)
            return self.joined(node, {**parts, key(pattern): guarded(parts[key(pattern)], off)})
        head, guard = whole.decode().split(" if ", 1)
        return f"{head} if {choice(guard.encode(), [(number, value) for number, _, value in changes]).decode()}".encode()

    def joined(self, node, parts):
        at, out = node.start_byte, b""
        for child in node.children:
            out += self.bytes[at : child.start_byte] + parts[key(child)]
            at = child.end_byte
        return out + self.bytes[at : node.end_byte]


def key(node):
    return node.type, node.start_byte, node.end_byte


def choice(whole, others):
    said = "".join(f"if crate::mutant({number}) {{ {other} }} else " for number, other in others)
    return f"({said}{{ {whole.decode()} }})".encode()


def guarded(pattern, off):
    head, found, guard = pattern.decode().partition(" if ")
    return f"{head} if {off} && ({guard})".encode() if found else f"{head} if {off}".encode()


def blamed(text, line, column, is_of_match):
    """The switch that stands last before a place's end in a written file: the compiler complains of what it chooses. Of a
    match that lacks an arm it names the beginning: the first switch behind."""
    lines = text.split("\n")
    before = "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])
    found = re.findall(r"crate::mutant\((\d+)\)", text[len(before) :] if is_of_match else before)
    return int(found[0 if is_of_match else -1]) if found else None
