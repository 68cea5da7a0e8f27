//! Two replicas whose merges differ in one byte part for ever, so what the rules answer is pinned: in debug and in
//! release, on every machine, in every process. Whoever changes an answer raises the number of the rules in `VERSION`
//! with it, and a group moves to the new ones together.

use quorate_semantic::{Input, Labels, Options, Outcome, VERSION, json, markers, merge};
use std::collections::BTreeMap;

/// The rules that the digest below was made with.
const RULES: &str = "rules 19,";
/// FNV-1a over every answer to the merges below.
const ANSWERS: u64 = 0xcffd_158b_c36a_3224;

/// Merges of each file.
const MERGES: u64 = 300;

const FILES: &[(&str, &str)] = &[
    (
        "a.rs",
        "//! A crate.\nuse std::fmt;\nuse std::io::{self, Read};\n\n/// Adds.\nfn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n\nstruct Point {\n    x: u32,\n    y: u32,\n}\n\nimpl Point {\n    fn new() -> Self {\n        Self { x: 1, y: 2 }\n    }\n\n    fn sum(&self) -> u32 {\n        add(self.x, self.y)\n    }\n}\n",
    ),
    (
        "a.py",
        "import os\nfrom sys import argv, exit\n\nLIMIT = 10\n\n\ndef first(items):\n    \"\"\"The first.\"\"\"\n    return items[0]\n\n\nclass Box:\n    def __init__(self, size):\n        self.size = size\n\n    def grow(self):\n        self.size += 1\n        return self.size\n",
    ),
    (
        "a.ts",
        "import { a, b } from './x';\nimport c from 'c';\n\nexport const LIMIT = 3;\n\nexport function twice(n: number): number {\n  return n * 2;\n}\n\nexport class Shop {\n  private open = false;\n\n  start(): void {\n    this.open = true;\n  }\n\n  stop(): void {\n    this.open = false;\n  }\n}\n",
    ),
    (
        "a.go",
        "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nconst limit = 3\n\nfunc One() int {\n\treturn 1\n}\n\nfunc Two() int {\n\treturn 2\n}\n\ntype T struct {\n\tA int\n\tB string\n}\n",
    ),
    (
        "A.java",
        "package a;\n\nimport java.util.List;\nimport java.util.Map;\n\npublic class A {\n    private int x = 1;\n\n    public int get() {\n        return x;\n    }\n\n    public void set(int x) {\n        this.x = x;\n    }\n}\n",
    ),
    (
        "a.json",
        "{\n  \"name\": \"a\",\n  \"version\": \"1.2.3\",\n  \"on\": true,\n  \"list\": [\n    1,\n    2,\n    3\n  ],\n  \"deps\": {\n    \"b\": \"1.0\",\n    \"c\": \"2.0\"\n  }\n}\n",
    ),
    (
        "a.toml",
        "# about\n[package]\nname = \"a\"\nversion = \"1.2.3\"\n\n[dependencies]\nb = \"1\"\nc = { version = \"2\", features = [\"x\"] }\n\n[[bin]]\nname = \"one\"\n\n[[bin]]\nname = \"two\"\n",
    ),
    (
        "a.yaml",
        "# about\nname: a\non: [push]\njobs:\n  build:\n    steps:\n      - name: one\n        run: x\n      - name: two\n        run: y\n  test:\n    needs: build\n",
    ),
    ("a.md", "# A\n\nSome words.\n\n## Use\n\n- one\n- two\n\n## Build\n\nMore words here.\n"),
    ("a.sh", "#!/bin/sh\nset -e\n\nrun() {\n  echo run\n}\n\nstop() {\n  echo stop\n}\n\nrun\nstop\n"),
    (
        "a.c",
        "#include <stdio.h>\n#include \"a.h\"\n\n#define LIMIT 3\n\nstatic int one(void)\n{\n\treturn 1;\n}\n\nint two(int a)\n{\n\treturn one() + a;\n}\n",
    ),
    (
        "a.cpp",
        "namespace n {\n\nint A::one() {\n  return 1;\n}\n\nvoid B::two(int a) {\n  run(R\"(x{)\", a);\n}\n\n}  // namespace n\n",
    ),
    (
        "A.cs",
        "using System;\nusing System.Text;\n\npublic class A\n{\n    public int Size { get; set; }\n\n    [Test]\n    public int One(int a)\n    {\n        return a + 1;\n    }\n}\n",
    ),
    (
        "A.kt",
        "import a.B\nimport c.D as E\n\nclass A(val x: Int) {\n    fun one(): Int {\n        return 1\n    }\n}\n\nfun B.two() {\n    one(2)\n}\n",
    ),
    (
        "a.swift",
        "import A\nimport B\n\nstruct C {\n    let x = 1\n\n    func one() -> Int {\n        return x\n    }\n}\n\nextension C: D {\n    func two() {}\n}\n",
    ),
    (
        "a.php",
        "<?php\n\nuse A\\B;\nuse C\\D;\n\nclass E\n{\n    private $x = 1;\n\n    public function one($a)\n    {\n        return $a + 1;\n    }\n}\n",
    ),
    (
        "a.rb",
        "require 'a'\n\nclass A < B\n  X = 1\n\n  def one\n    <<~EOS\n      end\n    EOS\n  end\n\n  def self.two(a)\n    a + 2\n  end\nend\n",
    ),
    ("a.css", "body {\n  margin: 1px;\n}\n\n.one {\n  color: red;\n  width: 2px;\n}\n\n#two {\n  color: blue;\n}\n"),
    (
        "a.sql",
        "CREATE TABLE one (\n  id int,\n  name text\n);\n\nINSERT INTO one VALUES (1, 'a');\n\nCREATE VIEW two AS SELECT id FROM one;\n",
    ),
    ("a.html", "<ul>\n  <!-- one -->\n  <li>1</li>\n  <li>2</li>\n</ul>\n"),
    ("Dockerfile", "FROM a:1\nENV B=2\n# three\nRUN make\nCMD [\"run\"]\n"),
    ("Makefile", "A = 1\nB = 2\n\nall: one\n\tmake one\n\tmake two\n"),
    (".gitignore", "target/\n*.log\n\n# one\nout1/\n!out1/keep\n"),
    ("a.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"),
];

#[test]
fn the_rules_answer_as_their_version_says() {
    let (mut digest, mut rungs) = (0xcbf2_9ce4_8422_2325, BTreeMap::new());
    for (path, base) in FILES {
        for seed in 0..MERGES {
            let outcome = answer(path, base, seed);
            *rungs.entry(rung(&outcome)).or_insert(0) += 1;
            take(&mut digest, &bytes(&outcome));
        }
    }
    let seen: Vec<&str> = rungs.keys().copied().collect();
    assert_eq!(seen, ["code", "data", "imports", "none", "one-sided", "text"], "a digest over every rung");
    assert!(VERSION.contains(RULES), "new rules, {VERSION}: make the digest anew");
    assert_eq!(digest, ANSWERS, "an answer has changed ({digest:#x}): raise the number of the rules in VERSION");
}

fn answer(path: &str, base: &str, seed: u64) -> Outcome {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let [ours, theirs] = [edited(base, &mut dice), edited(base, &mut dice)];
    let options =
        Options { same_line: seed.is_multiple_of(5), newest_version: seed.is_multiple_of(7), ..Options::default() };
    let base = Some(base.as_bytes());
    merge(&Input { base, ours: ours.as_bytes(), theirs: theirs.as_bytes(), path, options: &options })
}

/// A side: a few lines changed, copied, dropped, moved or added.
fn edited(base: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = base.lines().map(str::to_owned).collect();
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(lines.len());
        let line = lines[at].clone();
        let number = dice.below(9).to_string();
        match dice.below(6) {
            0 | 1 => lines[at] = line.replace(['1', '2', '3'], &number),
            2 => lines.insert(at, line.replace(['a', 'e', 'o'], &number)),
            3 if lines.len() > 2 => drop(lines.remove(at)),
            4 => lines[at] = line.replacen(' ', &format!(" v{number} "), 1),
            _ => {
                let to = dice.below(lines.len());
                lines.swap(at, to);
            }
        }
    }
    lines.join("\n") + "\n"
}

fn rung(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Clean { rung, .. } => rung.name(),
        Outcome::Conflict(_) => "none",
    }
}

/// All that an answer says.
fn bytes(outcome: &Outcome) -> Vec<u8> {
    let mut bytes = rung(outcome).as_bytes().to_vec();
    match outcome {
        Outcome::Clean { bytes: merged, .. } => bytes.extend_from_slice(merged),
        Outcome::Conflict(conflict) => {
            bytes.extend_from_slice(&markers(conflict, &Labels::default()));
            bytes.extend_from_slice(json(conflict).as_bytes());
        }
    }
    bytes
}

fn take(digest: &mut u64, bytes: &[u8]) {
    for byte in bytes.iter().chain(&[0]) {
        *digest = (*digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

/// A xorshift generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides as u64) as usize
    }
}
