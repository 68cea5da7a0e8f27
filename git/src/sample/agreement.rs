//! The way to version 1.0: merges that git cannot do, a branch that is merged twice, and a branch with one inside.

use super::super::GitError;
use super::beginnings::{CHECK, EXAMPLE, INGRID, JANIS, OYVIND, PAIVI, PORTS, README, SCHEMA, SPEC, VERSION};
use super::story::Edit::{Move, Put, Remove, Replace};
use super::story::{Line, Story};

/// Adds these weeks to the line.
pub(super) fn tell(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    two_ports(story, main)?;
    two_imports(story, main)?;
    two_versions(story, main)?;
    schema_twice(story, main)?;
    moved_example(story, main)?;
    questions_become_a_folder(story, main)?;
    release(story, main)
}

const SANDEFJORD: &str = "name = \"Sandefjord\"\nlatitude = 59.13\nlongitude = 10.22\n";

/// Both sides add a port at the end of the list: the same place for git, two keys for a reader of TOML.
fn two_ports(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut ventspils = main.fork();
    let with_ventspils = "name = \"Sandefjord\"\nlatitude = 59.13\nlongitude = 10.22\n\n\
         [ventspils]\nname = \"Ventspils\"\nlatitude = 57.39\nlongitude = 21.54\n";
    story.commit(&mut ventspils, &JANIS, "Add Ventspils", &[Replace(PORTS, SANDEFJORD, with_ventspils)])?;
    let with_stromstad = "name = \"Sandefjord\"\nlatitude = 59.13\nlongitude = 10.22\n\n\
         [stromstad]\nname = \"Strömstad\"\nlatitude = 58.94\nlongitude = 11.17\n";
    story.commit(main, &OYVIND, "Add Strömstad", &[Replace(PORTS, SANDEFJORD, with_stromstad)])?;
    let stromstad = "longitude = 11.17\n";
    let both = "longitude = 11.17\n\n[ventspils]\nname = \"Ventspils\"\nlatitude = 57.39\nlongitude = 21.54\n";
    let by_hand = Replace(PORTS, stromstad, both);
    story.merge(main, &[&ventspils.fork()], &INGRID, "Merge Ventspils\n\nBoth ports stay.", &[by_hand])
}

/// Both sides import something and use it in different functions.
fn two_imports(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut order = main.fork();
    story.commit(
        &mut order,
        &PAIVI,
        "Check that times can be read",
        &[
            Replace(CHECK, "import json\nimport pathlib\n", "import datetime\nimport json\nimport pathlib\n"),
            Replace(
                CHECK,
                "            faults.append(f\"departure {number}: no {field}\")\n",
                "            faults.append(f\"departure {number}: no {field}\")\n\
                 \x20       if \"leaves\" in departure:\n\
                 \x20           datetime.datetime.fromisoformat(departure[\"leaves\"])\n",
            ),
        ],
    )?;
    story.commit(
        main,
        &JANIS,
        "Read timetables that are compressed",
        &[
            Replace(CHECK, "import json\nimport pathlib\n", "import gzip\nimport json\nimport pathlib\n"),
            Replace(
                CHECK,
                "    return json.loads(pathlib.Path(path).read_text(encoding=\"utf-8\"))\n",
                "    content = pathlib.Path(path).read_bytes()\n\
                 \x20   if content[:2] == b\"\\x1f\\x8b\":\n\
                 \x20       content = gzip.decompress(content)\n\
                 \x20   return json.loads(content.decode(\"utf-8\"))\n",
            ),
        ],
    )?;
    let both = Replace(CHECK, "import gzip\nimport datetime\n", "import datetime\nimport gzip\n");
    story.merge(main, &[&order], &OYVIND, "Merge the check of times\n\nThe imports had to be put together.", &[both])
}

/// Both sides change the same value, and no rule can know which is right.
fn two_versions(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut draft = main.fork();
    story.commit(&mut draft, &INGRID, "Call this a draft of 1.0", &[Replace(VERSION, "0.2", "1.0-draft")])?;
    let midnight = Replace(SPEC, "Midnight is `00:00` and", "Midnight is written `00:00` and");
    story.commit(&mut draft, &INGRID, "Read the text aloud once more", &[midnight])?;
    story.commit(main, &PAIVI, "Call this 0.3", &[Replace(VERSION, "0.2", "0.3")])?;
    let agreed = Replace(VERSION, "0.3", "1.0-draft");
    let message = "Merge the draft of 1.0\n\nAgreed on the telephone: the next one is 1.0, so this is its draft.";
    story.merge(main, &[&draft], &OYVIND, message, &[agreed])
}

/// A branch is merged, goes on, and is merged again.
fn schema_twice(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut schema = main.fork();
    let leaves = Replace(
        SCHEMA,
        r#""leaves": { "type": "string" }"#,
        r#""leaves": { "type": "string", "format": "date-time" }"#,
    );
    story.commit(&mut schema, &OYVIND, "Say that a departure leaves at a time", &[leaves])?;
    let planners = Replace(README, "needs to read only one.", "needs to read only one.\nNobody has to ask us.");
    story.commit(main, &JANIS, "Say that nobody has to ask", &[planners])?;
    story.merge(main, &[&schema], &PAIVI, "Merge the format of departures", &[])?;

    let mut schema = schema.fork();
    let arrives = Replace(
        SCHEMA,
        r#""arrives": { "type": "string" }"#,
        r#""arrives": { "type": "string", "format": "date-time" }"#,
    );
    story.commit(&mut schema, &OYVIND, "Say that it arrives at a time", &[arrives])?;
    let ports = Replace(SPEC, "and they differ.\n", "and they differ. Codes have only small letters.\n");
    story.commit(main, &INGRID, "Write codes of ports in small letters", &[ports])?;
    story.merge(main, &[&schema], &PAIVI, "Merge the format of arrivals", &[])
}

const EVENING: &str = r#""leaves": "2025-06-20T21:45", "ship": "Mariella Åland", "lanes": 1050"#;
const CORRECTED: &str = r#""leaves": "2025-06-20T21:30", "ship": "Mariella Åland", "lanes": 980"#;

/// Move of a file on one side, edit of it on the other.
fn moved_example(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let mut edited = main.fork();
    let lanes = Replace(EXAMPLE, EVENING, CORRECTED);
    story.commit(&mut edited, &PAIVI, "Correct the evening departure", &[lanes])?;
    let moved = "examples/2025/Kapellskär – Naantali.json";
    story.commit(main, &INGRID, "Give each year its folder", &[Move(EXAMPLE, moved)])?;
    let corrected = Replace(moved, EVENING, CORRECTED);
    story.merge(main, &[&edited], &JANIS, "Merge the corrected departure", &[corrected])
}

/// A branch that took in another one before it was merged.
fn questions_become_a_folder(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let asked =
        Put("docs/questions", b"Who may publish a timetable?\n\nEvery company that has signed the agreement.\n");
    story.commit(main, &OYVIND, "Answer the first question", &[asked])?;
    let mut folder = main.fork();
    let inside = "docs/questions/who may publish.md";
    story.commit(&mut folder, &PAIVI, "Make room for more questions", &[Move("docs/questions", inside)])?;
    let mut night = main.fork();
    let ferry = Put("docs/night ferries.md", "A night ferry’s arrival is on the next day.\n".as_bytes());
    story.commit(&mut night, &JANIS, "Explain night ferries", &[ferry])?;
    story.merge(&mut folder, &[&night], &PAIVI, "Take in the page on night ferries", &[])?;
    let costs = Put("docs/questions/what does it cost.md", b"Nothing.");
    story.commit(&mut folder, &PAIVI, "Answer what it costs", &[costs])?;
    let contents = Replace(README, "- `examples/` has", "- `docs/` answers questions.\n- `examples/` has");
    story.commit(main, &INGRID, "Mention the questions", &[contents])?;
    story.merge(main, &[&folder], &OYVIND, "Merge the questions", &[])
}

fn release(story: &mut Story, main: &mut Line) -> Result<(), GitError> {
    let all_four = "Agree on 1.0\n\nSigned by all four companies in Mariehamn.";
    story.commit(main, &INGRID, all_four, &[])?;
    story.commit(main, &OYVIND, "Call this 1.0", &[Replace(VERSION, "1.0-draft", "1.0")])?;
    story.commit(main, &JANIS, "Drop the empty example", &[Remove("examples/no departures.csv")])
}
