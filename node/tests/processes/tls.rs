//! TLS over real sockets, with a certificate made for the test.

use crate::group::{Group, eventually};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An authority of our own.
fn authority() -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("randomness");
    (params.self_signed(&key).expect("a certificate"), key)
}

/// Writes the authority's certificate, and what a replica on loopback shows; gives their folder.
fn make_files(group: &Group) -> PathBuf {
    make_files_until(group, None)
}

/// The same, with a certificate that ends so many days from now.
fn make_files_until(group: &Group, days: Option<u64>) -> PathBuf {
    let (folder, (ca, ca_key)) = (group.dir().join("replica-0"), authority());
    let key = KeyPair::generate().expect("randomness");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    if let Some(days) = days {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 86_400);
    }
    let certificate = params.signed_by(&key, &ca, &ca_key).expect("signed");
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("our folder");
    write("ca.pem", ca.pem());
    write("api.pem", certificate.pem());
    write("api.key", key.serialize_pem());
    write("other.key", KeyPair::generate().expect("randomness").serialize_pem());
    folder
}

/// Names these files in the replica's configuration.
fn configure(folder: &Path, certificate: &str, key: &str) {
    let file = folder.join("config.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with("tls_")).collect();
    let tls = format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n");
    std::fs::write(&file, tls + &own.join("\n")).expect("a configuration");
}

fn quorate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    for name in ["QUORATE_NODE", "QUORATE_KEY", "QUORATE_CA"] {
        command.env_remove(name);
    }
    command.args(args).output().expect("quorate runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn commands_speak_tls_with_a_replica_whose_certificate_they_trust() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("ca.pem"));
    let (ca, key) = (ca.to_str().expect("plain"), group.dir().join("author-org-0.key"));
    let reach = ["--node", &node, "--ca", ca];

    let put = quorate(&[&["put", "a", ca, "--key", key.to_str().expect("plain")][..], &reach].concat());
    let get = quorate(&[&["get", "a"][..], &reach].concat());

    assert_eq!(put.status.code(), Some(0), "{}", errors(&put));
    assert_eq!(get.stdout, std::fs::read(folder.join("ca.pem")).expect("a file"), "{}", errors(&get));
}

#[test]
fn a_certificate_of_an_authority_is_a_fault_of_the_configuration_and_named_by_commands() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    let (ca, key) = authority();
    std::fs::write(folder.join("own.pem"), ca.pem()).expect("our folder");
    std::fs::write(folder.join("own.key"), key.serialize_pem()).expect("our folder");
    configure(&folder, "own.pem", "own.key");

    let checked = quorate(&["config", "check", "--dir", folder.to_str().expect("plain")]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("CA:TRUE"), "{checked:?}");

    group.start_as("https", 0, &[]);
    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("own.pem"));
    let asked = quorate(&["status", "--node", &node, "--ca", ca.to_str().expect("plain"), "--timeout", "2"]);
    assert!(errors(&asked).contains("CA:TRUE") && errors(&asked).contains("CA:FALSE"), "{}", errors(&asked));
}

#[test]
fn who_speaks_no_tls_with_a_node_that_does_is_told_to() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);

    let asked = quorate(&["status", "--node", &format!("http://{}", group.api(0)), "--timeout", "2"]);

    assert_eq!(asked.status.code(), Some(3));
    assert!(
        errors(&asked).contains(&format!("it may speak TLS: --node https://{}", group.api(0))),
        "{}",
        errors(&asked)
    );
}

#[test]
fn a_certificate_that_ends_soon_is_an_issue_and_a_fault_of_the_configuration() {
    let mut group = Group::init(1);
    let folder = make_files_until(&group, Some(10));
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("ca.pem"));

    eventually("the issue is told", || {
        let told = quorate(&["issues", "--node", &node, "--ca", ca.to_str().expect("plain")]);
        let words = String::from_utf8_lossy(&told.stdout).into_owned();
        (words.contains("warning certificate:") && words.contains("days are left")).then_some(())
    });
    let checked = quorate(&["config", "check", "--dir", folder.to_str().expect("plain")]);
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{words}");
    assert!(words.contains("WRONG  certificate: it ends in"), "{words}");
}

#[test]
fn a_certificate_that_is_over_is_told_with_the_clock_and_not_with_an_authority() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    assert_eq!(asked(&group, &folder), Some(0));

    make_files_until(&group, Some(0));

    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("ca.pem"));
    let told = eventually("the certificate that is over is shown", || {
        let told = errors(&quorate(&["status", "--node", &node, "--ca", ca.to_str().expect("plain")]));
        told.contains("certificate expired").then_some(told)
    });
    assert!(told.contains("`date -u`") && !told.contains("--ca FILE"), "{told}");
}

/// Exit code of a question to the replica, by the authority whose certificate lies in its folder.
fn asked(group: &Group, folder: &Path) -> Option<i32> {
    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("ca.pem"));
    quorate(&["status", "--timeout", "20", "--node", &node, "--ca", ca.to_str().expect("plain")]).status.code()
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_without_a_restart() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    assert_eq!(asked(&group, &folder), Some(0));

    make_files(&group);

    eventually("the renewed certificate is shown", || (asked(&group, &folder) == Some(0)).then_some(()));
}

#[test]
fn a_certificate_that_cannot_serve_leaves_the_one_before_and_is_told_of() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_logged_as("https", 0);
    std::fs::copy(folder.join("other.key"), folder.join("api.key")).expect("our folder");

    eventually("the log says so", || {
        let log = std::fs::read_to_string(group.log_file(0)).expect("a log");
        log.contains("certificate-unread").then_some(())
    });
    assert_eq!(asked(&group, &folder), Some(0));
}

#[test]
fn a_renewed_certificate_that_could_not_be_read_at_first_is_shown_once_it_can_be() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_logged_as("https", 0);
    group.bound_files(0, 3);
    make_files(&group);
    eventually("the log says so", || {
        let log = std::fs::read_to_string(group.log_file(0)).expect("a log");
        log.contains("certificate-unread").then_some(())
    });

    group.bound_files(0, 1_024);

    eventually("the renewed certificate is shown", || (asked(&group, &folder) == Some(0)).then_some(()));
    let log = std::fs::read_to_string(group.log_file(0)).expect("a log");
    assert_eq!(log.matches("certificate-unread").count(), 1, "{log}");
}

#[test]
fn a_certificate_of_a_stranger_ends_a_command_at_once_and_names_the_way() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    let begun = Instant::now();

    let status = quorate(&["status", "--node", &format!("https://{}", group.api(0))]);
    let plain = quorate(&["status", "--timeout", "1", "--node", &format!("http://{}", group.api(0))]);

    assert_eq!((status.status.code(), plain.status.code()), (Some(3), Some(3)));
    assert!(errors(&status).contains("certificate") && errors(&status).contains("--ca FILE"), "{}", errors(&status));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn a_node_that_speaks_no_tls_is_called_so() {
    let group = Group::running(1);
    let status = quorate(&["status", "--node", &format!("https://{}", group.api(0))]);

    assert_eq!(status.status.code(), Some(3));
    assert!(errors(&status).contains("TLS"), "{}", errors(&status));
}

#[test]
fn a_file_that_cannot_serve_for_tls_is_named_with_its_fault() {
    let group = Group::init(1);
    let folder = make_files(&group);
    let cases = [
        ("nowhere.pem", "api.key", "nowhere.pem: No such file"),
        ("api.key", "api.key", "api.key: no certificate in PEM"),
        ("api.pem", "api.pem", "api.pem: no private key in PEM"),
        ("api.pem", "other.key", "other.key: it does not go with the certificate in"),
    ];
    for (certificate, key, words) in cases {
        configure(&folder, certificate, key);
        let started = quorate(&["start", "--dir", folder.to_str().expect("plain")]);
        assert_eq!(started.status.code(), Some(2), "{certificate}, {key}");
        assert!(errors(&started).contains(words), "{certificate}, {key}: {}", errors(&started));
    }
    let ca =
        quorate(&["status", "--node", "https://127.0.0.1:1", "--ca", folder.join("api.key").to_str().expect("plain")]);
    assert!(ca.status.code() == Some(2) && errors(&ca).contains("api.key: no certificate in PEM"), "{}", errors(&ca));
}

#[test]
fn a_silent_connection_to_a_tls_port_keeps_nobody_out() {
    let mut group = Group::init(1);
    let folder = make_files(&group);
    configure(&folder, "api.pem", "api.key");
    group.start_as("https", 0, &[]);
    let silent: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(group.api(0)).expect("there is room")).collect();

    let (node, ca) = (format!("https://{}", group.api(0)), folder.join("ca.pem"));
    let status = quorate(&["status", "--node", &node, "--ca", ca.to_str().expect("plain"), "--timeout", "10"]);

    assert_eq!(status.status.code(), Some(0), "{} beside {} silent ones", errors(&status), silent.len());
}
