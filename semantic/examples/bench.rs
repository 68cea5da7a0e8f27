//! `bench [FOLDER]`: how long merges take in this process, as p50 and p99.
//!
//! FOLDER holds folders with `base.EXT`, `ours.EXT` and `theirs.EXT`. Without one, files are made here: code, data and
//! prose of up to 60 KiB with some hundred edits on either side, many of them in conflict.
#![expect(clippy::disallowed_types, reason = "a bench measures time; the crate itself counts work")]

use std::path::Path;
use std::time::{Duration, Instant};

use quorate_semantic::{Input, Options, Outcome, merge};

/// Times each merge is repeated; the median of them counts.
const REPEATS: usize = 5;

/// Largest file that takes part, in bytes.
const FILE_BYTES_MAX: usize = 60 * 1024;

struct Case {
    path: String,
    base: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

fn main() -> std::io::Result<()> {
    let cases = match std::env::args().nth(1) {
        Some(folder) => read(Path::new(&folder))?,
        None => made(),
    };
    let mut clean = 0;
    let mut times: Vec<(Duration, &str)> = Vec::new();
    for case in &cases {
        let (time, is_clean) = median(case);
        times.push((time, &case.path));
        clean += usize::from(is_clean);
    }
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{} merges, {clean} clean", times.len());
    for percent in [50, 90, 99, 100] {
        let (time, path) = at(percent);
        println!("p{percent}: {:.3} ms ({path})", time.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn median(case: &Case) -> (Duration, bool) {
    let options = Options::default();
    let input =
        Input { base: Some(&case.base), ours: &case.ours, theirs: &case.theirs, path: &case.path, options: &options };
    let mut times = Vec::new();
    let mut clean = false;
    for _ in 0..REPEATS {
        let start = Instant::now();
        clean = matches!(merge(&input), Outcome::Clean { .. });
        times.push(start.elapsed());
    }
    times.sort();
    (times[REPEATS / 2], clean)
}

fn read(folder: &Path) -> std::io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let dir = entry?.path();
        let Ok(files) = std::fs::read_dir(&dir) else { continue };
        let names: Vec<_> = files.filter_map(|f| Some(f.ok()?.file_name().to_string_lossy().into_owned())).collect();
        let Some(base) = names.iter().find(|n| n.starts_with("base.")) else { continue };
        let extension = &base["base.".len()..];
        let file = |side: &str| std::fs::read(dir.join(format!("{side}.{extension}")));
        let case = Case {
            path: dir.join(base).to_string_lossy().into_owned(),
            base: file("base")?,
            ours: file("ours")?,
            theirs: file("theirs")?,
        };
        if [&case.base, &case.ours, &case.theirs].iter().all(|f| f.len() <= FILE_BYTES_MAX) {
            cases.push(case);
        }
    }
    Ok(cases)
}

/// A small generator: the same files on every machine.
struct Source(u64);

impl Source {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn line(&mut self, extension: &str) -> String {
        let (a, b) = (self.below(500), self.below(500));
        match extension {
            "json" => format!("  \"key_{a}_{b}\": \"value {b}\","),
            "toml" => format!("key_{a}_{b} = \"1.{b}.0\""),
            "md" => format!("Some words about thing {a}, and how it meets {b}."),
            _ => format!("fn item_{a}_{b}(x: u32) -> u32 {{\n    call_{b}(x, {a})\n}}\n"),
        }
    }
}

fn made() -> Vec<Case> {
    let mut source = Source(1);
    let mut cases = Vec::new();
    for extension in ["rs", "json", "toml", "md"] {
        for size in [20, 100, 400, 800] {
            for edits in [1, 5, 40] {
                let base: Vec<String> = (0..size).map(|_| source.line(extension)).collect();
                let [base, ours, theirs] = [0, edits, edits].map(|n| edited(&mut source, &base, n, extension));
                cases.push(Case { path: format!("{size}-{edits}.{extension}"), base, ours, theirs });
            }
        }
    }
    cases.retain(|c| [&c.base, &c.ours, &c.theirs].iter().all(|f| f.len() <= FILE_BYTES_MAX));
    cases
}

fn edited(source: &mut Source, base: &[String], edits: usize, extension: &str) -> Vec<u8> {
    let mut lines = base.to_vec();
    for _ in 0..edits {
        let at = source.below(lines.len() as u64) as usize;
        match source.below(3) {
            0 => lines[at] = source.line(extension),
            1 => lines.insert(at, source.line(extension)),
            _ => drop(lines.remove(at)),
        }
    }
    let text = lines.join("\n");
    if extension == "json" { format!("{{\n{}\n  \"last\": 0\n}}\n", text).into_bytes() } else { text.into_bytes() }
}
