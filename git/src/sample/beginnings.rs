//! The first weeks: the text, the schema, the ports, the checker; merges that git does by itself.

use super::super::GitError;
use super::story::Edit::{Link, Put, Replace, Tool};
use super::story::{Author, Line, Story};

pub(super) const INGRID: Author = Author { name: "Ingrid Åström", email: "ingrid@nordholm.example", zone_hours: 1 };
pub(super) const OYVIND: Author = Author { name: "Øyvind Berg", email: "oyvind@kystruta.example", zone_hours: 1 };
pub(super) const PAIVI: Author = Author { name: "Päivi Mäkinen", email: "paivi@saaristo.example", zone_hours: 2 };
pub(super) const JANIS: Author = Author { name: "Jānis Ozols", email: "janis@ventas.example", zone_hours: 2 };

pub(super) const README: &str = "README.md";
pub(super) const SPEC: &str = "spec/timetable.md";
pub(super) const SCHEMA: &str = "schema/departure.json";
pub(super) const PORTS: &str = "ports.toml";
pub(super) const CHECK: &str = "tools/check.py";
pub(super) const VERSION: &str = "VERSION";
pub(super) const EXAMPLE: &str = "examples/Kapellskär – Naantali.json";

/// Adds these weeks to the line.
pub(super) fn tell(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    found(story, main)?;
    times_and_names(story, main)?;
    questions_and_lanes(story, main)?;
    three_at_once(story, main)
}

fn found(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let readme = Put(README, include_bytes!("files/README.md"));
    let spec = Put(SPEC, include_bytes!("files/timetable.md"));
    story.commit(main, &INGRID, "Start a common timetable format", &[readme, spec, Put(VERSION, b"0.1")])?;
    let schema = Put(SCHEMA, include_bytes!("files/departure.json"));
    story.commit(main, &OYVIND, "Describe a departure for programs", &[schema])?;
    story.commit(main, &PAIVI, "List the ports", &[Put(PORTS, include_bytes!("files/ports.toml"))])?;
    let check = Tool(CHECK, include_bytes!("files/check.py"));
    story.commit(main, &JANIS, "Add a checker for timetables", &[check])?;
    story.commit(main, &INGRID, "Add our mark", &[Put("assets/mark.png", include_bytes!("files/mark.png"))])?;
    let example = Put(EXAMPLE, include_bytes!("files/example.json"));
    story.commit(main, &PAIVI, "Add a first example", &[example, Put("examples/no departures.csv", b"")])?;
    story.commit(main, &OYVIND, "Point current.md at the text", &[Link("spec/current.md", "timetable.md")])
}

/// Two people edit different sections of the text.
fn times_and_names(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut times = main.fork();
    story.commit(
        &mut times,
        &OYVIND,
        "Say how times are written",
        &[Replace(
            SPEC,
            "Times are local to the port.\n",
            "Times are local to the port and written as `2025-06-20T09:15`, without a zone.\n",
        )],
    )?;
    story.commit(
        &mut times,
        &OYVIND,
        "Say what happens at midnight\n\nA night ferry arrives on the day after; the date says so.",
        &[Replace(
            SPEC,
            "without a zone.\n",
            "without a zone.\nMidnight is `00:00` and belongs to the day that begins.\n",
        )],
    )?;
    story.commit(
        main,
        &PAIVI,
        "Allow names of ships in several languages",
        &[Replace(
            SPEC,
            "Names of ships are written as on the ship.\n",
            "Names of ships are written as on the ship, with all their accents. Names of ports may be given in several\n\
             languages.\n",
        )],
    )?;
    story.merge(main, &[&times], &INGRID, "Merge the section on times", &[])
}

/// A side touches two files; the main line touches one of them elsewhere, and another one.
fn questions_and_lanes(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut lanes = main.fork();
    story.commit(
        &mut lanes,
        &JANIS,
        "Count lanes in metres, and say what zero means",
        &[
            Replace(
                SPEC,
                "in metres.\n",
                "in metres. Zero means\nthat it takes none; a departure that does not say may take some.\n",
            ),
            Replace(SCHEMA, r#""minimum": 0 }"#, r#""minimum": 0, "description": "metres" }"#),
        ],
    )?;
    story.commit(
        main,
        &INGRID,
        "Give the list of questions an address of its own",
        &[Replace(README, "timetables@kystruta.example", "timetables@ferries.example")],
    )?;
    story.commit(
        main,
        &OYVIND,
        "Keep cancelled departures for a week",
        &[Replace(SPEC, "stays in the list and says so.\n", "stays in the list for a week and says so.\n")],
    )?;
    story.merge(main, &[&lanes], &PAIVI, "Merge the count of lanes", &[])
}

/// Three companies worked at the same time; one merge takes two of them in.
fn three_at_once(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut readme = main.fork();
    story.commit(
        &mut readme,
        &PAIVI,
        "Say where the checker is",
        &[Replace(README, "- `examples/` has", "- `tools/check.py` checks a timetable.\n- `examples/` has")],
    )?;
    let mut publishing = main.fork();
    story.commit(
        &mut publishing,
        &JANIS,
        "Say when a timetable is published",
        &[Replace(SPEC, "at a fixed address and replaced", "at a fixed address every night and replaced")],
    )?;
    story.commit(main, &INGRID, "Call this 0.2", &[Replace(VERSION, "0.1", "0.2")])?;
    story.merge(main, &[&readme, &publishing], &OYVIND, "Merge what Saaristo and Ventas wrote", &[])
}
