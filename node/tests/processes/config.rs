//! `quorate config`: a replica's configuration checked and shown, and the levels of its log set while it runs.

use crate::doctor::{detail, faults};
use crate::group::Group;
use crate::http::{self, Answer};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(group: &Group, replica: usize) -> PathBuf {
    group.dir().join(format!("replica-{replica}"))
}

/// Output of `quorate config` about a replica's folder; with variables of the environment.
fn config(group: &Group, replica: usize, args: &[&str], variables: &[(&str, &str)], code: i32) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    for name in ["QUORATE_LOG", "QUORATE_API", "QUORATE_PEERS"] {
        command.env_remove(name);
    }
    command.arg("config").args(args).arg("--dir").arg(folder(group, replica)).arg("--json");
    let output = command.envs(variables.iter().copied()).output().expect("quorate runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {errors}"))
}

/// Value and origin of a setting.
fn setting(shown: &Value, key: &str) -> (Value, Value) {
    let settings = shown["settings"].as_array().expect("a list");
    let found = settings.iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("no {key}: {shown}"));
    (found["value"].clone(), found["origin"].clone())
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let group = Group::init(4);
    let variables = [("QUORATE_LOG", "debug"), ("QUORATE_PEERS", "2=/ip4/10.0.0.3/tcp/1")];

    let shown = config(&group, 0, &["show", "--effective"], &variables, 0);

    assert_eq!(setting(&shown, "api"), (json!(group.api(0).to_string()), json!("file")));
    assert_eq!(setting(&shown, "log"), (json!("debug"), json!("QUORATE_LOG")));
    assert_eq!(setting(&shown, "default_rates"), (json!(true), json!("default")));
    assert_eq!(setting(&shown, "peers.2"), (json!("/ip4/10.0.0.3/tcp/1"), json!("QUORATE_PEERS")));
    assert_eq!(setting(&shown, "peers.3").1, "file");
}

#[test]
fn every_setting_but_the_place_of_the_file_is_one_of_the_environment_too() {
    let group = Group::init(4);
    let door = "/ip4/10.0.0.3/tcp/1,/ip4/10.0.0.4/tcp/1";
    let variables = [
        ("QUORATE_OPERATIONS", "127.0.0.1:9000"),
        ("QUORATE_HOSTS", "a.example,b.example"),
        ("QUORATE_READS", "guarded"),
        ("QUORATE_BOOTSTRAP", door),
        ("QUORATE_MDNS", "true"),
        ("QUORATE_RELAY", door),
        ("QUORATE_RELAY_SERVER", "1GiB"),
        ("QUORATE_FOLLOW", door),
    ];

    let shown = config(&group, 0, &["show", "--effective"], &variables, 0);

    let doors = json!(door.split(',').collect::<Vec<_>>());
    assert_eq!(setting(&shown, "operations"), (json!("127.0.0.1:9000"), json!("QUORATE_OPERATIONS")));
    assert_eq!(setting(&shown, "hosts"), (json!(["a.example", "b.example"]), json!("QUORATE_HOSTS")));
    assert_eq!(setting(&shown, "bootstrap"), (doors.clone(), json!("QUORATE_BOOTSTRAP")));
    assert_eq!(setting(&shown, "reads"), (json!("guarded"), json!("QUORATE_READS")));
    assert_eq!(setting(&shown, "mdns"), (json!(true), json!("QUORATE_MDNS")));
    assert_eq!(setting(&shown, "relay"), (doors.clone(), json!("QUORATE_RELAY")));
    assert_eq!(setting(&shown, "relay_server").1, "QUORATE_RELAY_SERVER");
    assert_eq!(setting(&shown, "follow"), (doors, json!("QUORATE_FOLLOW")));
}

#[test]
fn a_variable_without_a_value_is_not_set() {
    let group = Group::init(4);
    let variables = [("QUORATE_DATA", ""), ("QUORATE_API", ""), ("QUORATE_HOSTS", "")];

    let shown = config(&group, 0, &["show", "--effective"], &variables, 0);

    for (name, origin) in [("data", "file"), ("api", "file"), ("hosts", "default")] {
        assert_eq!(setting(&shown, name).1, origin, "{shown}");
    }
}

#[test]
fn a_folder_as_init_made_it_is_well() {
    let group = Group::init(4);
    let checked = config(&group, 1, &["check"], &[], 0);
    assert_eq!((checked["ok"].as_bool(), faults(&checked)), (Some(true), Vec::<&str>::new()));
}

/// Adds lines at the top of a replica's configuration.
fn with(group: &Group, replica: usize, lines: &str) {
    let file = folder(group, replica).join("config.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    fs::write(&file, format!("{lines}\n{text}")).expect("our file");
}

#[test]
fn a_setting_below_the_peers_is_named_with_its_line() {
    for setting in ["history = \"90d\"", "hosts = [\"q\"]"] {
        let group = Group::init(4);
        let file = folder(&group, 0).join("config.toml");
        let text = fs::read_to_string(&file).expect("a configuration");
        fs::write(&file, format!("{text}{setting}\n")).expect("our file");

        let checked = config(&group, 0, &["check"], &[], 1);

        let (why, line) = (detail(&checked, "config"), text.lines().count() + 1);
        assert!(why.contains(&format!("line {line}")) && why.contains("stands below [peers]"), "{why}");
    }
}

#[test]
fn a_misspelt_level_of_the_log_is_a_fault() {
    let group = Group::init(4);
    let checked = config(&group, 0, &["check"], &[("QUORATE_LOG", "inof")], 1);
    assert!(detail(&checked, "log").contains("inof is no level"), "{checked}");
}

#[test]
fn addresses_that_take_one_port_are_a_fault() {
    let group = Group::init(4);
    with(&group, 0, &format!("operations = \"{}\"", group.api(0)));
    assert_eq!(faults(&config(&group, 0, &["check"], &[], 1)), ["ports"]);
}

#[test]
fn a_host_with_a_scheme_is_a_fault() {
    let group = Group::init(4);
    with(&group, 0, "hosts = [\"https://q.example.org\"]");
    assert_eq!(faults(&config(&group, 0, &["check"], &[], 1)), ["hosts"]);
}

#[test]
fn an_address_that_names_the_key_of_another_member_is_a_fault() {
    let group = Group::running(4);
    let members = group.get(0, "/v1/members").json();
    let key_of_2 = members["items"][2]["peer_id"].as_str().expect("a peer id").to_owned();
    let at = |peer: &str| format!("1=/ip4/127.0.0.1/tcp/1/p2p/{peer}");

    let wrong = config(&group, 0, &["check"], &[("QUORATE_PEERS", &at(&key_of_2))], 1);

    assert_eq!(faults(&wrong), ["addresses"]);
    let key_of_1 = members["items"][1]["peer_id"].as_str().expect("a peer id");
    config(&group, 0, &["check"], &[("QUORATE_PEERS", &at(key_of_1))], 0);
}

#[test]
fn a_fault_of_the_file_is_one_line_with_its_number() {
    let group = Group::init(1);
    let file = folder(&group, 0).join("config.toml");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("# ours\nlisen = 1\n{text}")).expect("our file");

    let checked = config(&group, 0, &["check"], &[], 1);

    let words = detail(&checked, "config");
    assert!(words.contains("line 2: unknown field `lisen`") && !words.contains('\n'), "{words}");
}

#[test]
fn a_misspelt_variable_and_a_filter_that_is_none_are_named() {
    let group = Group::init(1);
    let checked = config(&group, 0, &["check"], &[("QUORATE_LISTN", "x"), ("QUORATE_LOG", "a=b=c")], 1);
    assert_eq!(faults(&checked), ["environment", "log"]);
}

#[test]
fn an_api_for_other_machines_without_a_token_is_a_fault() {
    let group = Group::init(1);
    let public = [("QUORATE_API", "0.0.0.0:8700")];
    assert_eq!(faults(&config(&group, 0, &["check"], &public, 1)), ["operators"]);
    write_secret(&folder(&group, 0).join("admin.token"), "secret");
    config(&group, 0, &["check"], &public, 0);
}

#[test]
fn without_a_secret_the_check_calls_loopback_open_as_it_is_whatever_tokens_there_are() {
    let mut group = Group::init(1);
    token(&group, &["new", "--role", "read", "--name", "a"]);

    let checked = config(&group, 0, &["check"], &[], 0);

    assert!(detail(&checked, "operators").contains("is open on"), "{checked}");
    group.start(0);
    assert_eq!(group.get(0, "/metrics").status, 200);
}

#[test]
fn a_secret_or_token_that_opens_nothing_is_none() {
    let group = Group::init(1);
    let (file, public) = (folder(&group, 0).join("admin.token"), [("QUORATE_API", "0.0.0.0:8700")]);
    let operators = |variables: &[(&str, &str)], code| {
        let checked = config(&group, 0, &["check"], variables, code);
        assert_eq!(faults(&checked).contains(&"operators"), code == 1, "{checked}");
    };
    token(&group, &["new", "--role", "read", "--name", "a"]);
    operators(&public, 0);
    token(&group, &["revoke", "a"]);
    operators(&public, 1);
    write_secret(&file, "\n");
    operators(&public, 1);
    operators(&[], 1);
    write_secret(&file, "secret\n");
    operators(&[], 0);
}

/// Writes a secret that its owner alone reads.
fn write_secret(file: &Path, secret: &str) {
    fs::write(file, secret).expect("our folder");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("our file");
}

/// Output of `quorate token …`.
fn token(group: &Group, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    let ran = command.arg("token").args(args).arg("--dir").arg(folder(group, 0)).output().expect("quorate runs");
    assert!(ran.status.success(), "{args:?}: {ran:?}");
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

fn set_levels(group: &Group, body: &str, token: &str) -> Answer {
    let length = body.len();
    let head = format!(
        "PUT /v1/log HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    http::ask(group.api(0), &head, body.as_bytes()).expect("an answer")
}

#[test]
fn the_levels_of_the_log_are_set_while_the_replica_runs() {
    let mut group = Group::init(1);
    let secret = token(&group, &["new", "--role", "operate"]);
    group.start_logged(0);
    assert_eq!(group.get(0, "/v1/log").json(), json!({ "filter": "info" }));

    let set = set_levels(&group, r#"{"filter": "warn"}"#, &secret);

    assert_eq!((set.status, set.json()), (200, json!({ "filter": "warn" })));
    let refused = set_levels(&group, r#"{"filter": "a=b=c"}"#, &secret);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("bad-request")));
    assert_eq!(group.get(0, "/v1/log").json(), json!({ "filter": "warn" }));
    assert_eq!(group.stop(0), Some(0));
    let log = fs::read_to_string(group.log_file(0)).expect("a log");
    assert!(log.contains("log-levels") && log.contains("started"), "{log}");
    assert!(!log.contains("stopped"), "{log}");
}

#[test]
fn who_has_no_token_sets_no_levels() {
    let mut group = Group::init(1);
    group.start(0);
    assert_eq!(set_levels(&group, r#"{"filter": "debug"}"#, "").status, 403, "loopback is open to readers alone");
    assert_eq!(group.stop(0), Some(0));
    fs::write(folder(&group, 0).join("admin.token"), "secret\n").expect("our folder");
    group.start(0);
    assert_eq!(set_levels(&group, r#"{"filter": "debug"}"#, "guess").status, 403);
    assert_eq!(set_levels(&group, r#"{"filter": "warn"}"#, "secret").status, 200);
}

#[test]
fn a_command_with_the_secret_sees_what_only_operators_may() {
    let mut group = Group::init(1);
    let token = folder(&group, 0).join("admin.token");
    fs::write(&token, "secret\n").expect("our folder");
    group.start(0);
    let peers = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(["peers", "--json", "--node", &format!("http://{}", group.api(0))]).args(more);
        command.output().expect("quorate runs").status.code()
    };
    assert_eq!(peers(&[]), Some(1));
    assert_eq!(peers(&["--token", token.to_str().expect("UTF-8")]), Some(0));
    assert_eq!(peers(&["--token", "/nowhere"]), Some(2));
}

#[test]
fn a_bundle_of_diagnostics_has_every_part_and_no_secret() {
    let mut group = Group::init(1);
    let dir = folder(&group, 0);
    group.start(0);
    let out = group.dir().join("debug.zip");
    let zip = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(["debug", "zip", "--json", "--out"]).arg(&out).arg("--dir").arg(&dir);
        command.args(["--node", &format!("http://{}", group.api(0))]).output().expect("quorate runs")
    };

    let made = zip();

    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!((made.status.code(), &told["missing"]), (Some(0), &json!([])), "{told}");
    let bytes = fs::read(&out).expect("a file");
    let secret = fs::read_to_string(dir.join("replica.key")).expect("a key");
    let secret = secret.lines().nth(1).expect("a seed").as_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the key is in it");
    assert_eq!(zip().status.code(), Some(2), "a file that is there is left alone");
    match Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&out).output() {
        Err(_) => eprintln!("SKIPPED: python3 is not installed; the archive was not opened by another program"),
        Ok(tested) => assert!(String::from_utf8_lossy(&tested.stdout).contains("Done testing"), "{tested:?}"),
    }
}

#[test]
fn a_bundle_of_a_folder_asks_its_own_node_and_says_where_that_is_silent() {
    let mut group = Group::init(1);
    let dir = folder(&group, 0);
    fs::write(dir.join("admin.token"), "secret\n").expect("our folder");
    group.start(0);
    let files = group.dir().to_owned();
    let zip = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.env("QUORATE_NODE", "http://127.0.0.1:1").args(["debug", "zip", "--json", "--timeout", "5"]);
        let made = command.arg("--dir").arg(&dir).arg("--out").arg(files.join(name)).output().expect("quorate runs");
        (made.status.code(), serde_json::from_slice::<Value>(&made.stdout).expect("JSON"))
    };

    let (code, told) = zip("one.zip");
    assert_eq!((code, &told["missing"]), (Some(0), &json!([])), "{told}");

    group.stop(0);
    let (code, told) = zip("two.zip");
    assert_eq!((code, &told["parts"]), (Some(3), &json!(["doctor.json", "config.json"])), "{told}");
    assert!(files.join("two.zip").exists());
}

#[test]
fn the_program_names_its_version_and_the_compiler() {
    let group = Group::running(1);
    let version = group.get(0, "/version").json();
    assert_eq!(version["version"], group.status(0)["version"]);
    let rustc = version["rustc"].as_str().expect("words");
    assert!(rustc.starts_with("rustc 1."), "{version}");
    assert!(group.get(0, "/metrics").text().contains(&format!("rustc=\"{rustc}\"")));
}

#[test]
fn a_log_for_programs_is_one_json_object_a_line() {
    let mut group = Group::init(1);
    let file = folder(&group, 0).join("config.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    fs::write(&file, text.replace("log_format = \"text\"", "log_format = \"json\"")).expect("our file");
    group.start_logged(0);
    assert_eq!(group.stop(0), Some(0));

    let log = fs::read_to_string(group.log_file(0)).expect("a log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let started = lines.iter().find(|line| line["event"] == "started").expect("it says that it started");
    assert_eq!((&started["level"], &started["replica"]), (&json!("INFO"), &json!(0)));
    assert!(lines.iter().all(|line| line["timestamp"].is_string()), "{log}");
}
