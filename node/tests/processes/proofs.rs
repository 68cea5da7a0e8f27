//! Proofs that a node hands out, and what they must be of.

use crate::governance::{author, new_key, run, says, text, word};
use crate::group::Group;
use crate::proxy;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A group of one with two files, its author, and the envelopes that wrote them.
struct Desk {
    group: Group,
    key: PathBuf,
    envelopes: [String; 2],
}

impl Desk {
    fn new() -> Self {
        let group = Group::running(1);
        let key = author(&group, 0);
        let file = new_key(&group, "any-file");
        let put = |path: &str| word(&says(&group, &key, 0, &["put", path, text(&file)], 0), "id").to_owned();
        let envelopes = [put("a"), put("b")];
        Self { group, key, envelopes }
    }

    /// Asks a node that answers what is asked for instead.
    fn asks(&self, args: &[&str], instead: impl Fn(&str) -> String + Send + Sync + 'static) -> Output {
        let node = format!("http://{}", proxy::asking(self.group.api(0), instead));
        run(&self.group, &self.key, 0, &[args, &["--node", &node]].concat())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.group.dir().join(name)
    }

    /// Exit code of a check with these demands, and why it fails.
    fn verify(&self, proof: &Path, demands: &[&str]) -> (Option<i32>, String) {
        let output = verified(&self.group, proof, demands);
        (output.status.code(), errors(&output))
    }
}

fn verified(group: &Group, proof: &Path, demands: &[&str]) -> Output {
    let genesis = group.dir().join("genesis.json");
    let args = [&["verify", text(proof), "--genesis", text(&genesis)], demands].concat();
    Command::new(env!("CARGO_BIN_EXE_quorate")).args(args).output().expect("quorate runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_proof_of_another_file_or_another_read_is_not_told_as_the_answer() {
    let desk = Desk::new();
    let proof = desk.path("a.proof");
    let get = ["get", "a", "--proof", text(&proof)];

    let of_another = desk.asks(&get, |target| target.replace("/files/a?proof", "/files/b?proof"));
    let earlier = desk.asks(&get, |target| match target.split_once("nonce=") {
        Some((before, nonce)) => format!("{before}nonce={}{}", "f".repeat(64), &nonce[64..]),
        None => target.to_owned(),
    });

    for refused in [of_another, earlier] {
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(errors(&refused).contains("the proof of another file, or of another read"), "{refused:?}");
        assert!(refused.stdout.is_empty() && !proof.exists());
    }
}

#[test]
fn a_receipt_of_another_envelope_is_not_told_as_the_answer_nor_is_its_proof_kept() {
    let desk = Desk::new();
    let (proof, [first, second]) = (desk.path("a.proof"), desk.envelopes.clone());
    let args = ["receipt", &first, "--out", text(&proof)];

    let (one, other) = (first.clone(), second.clone());
    let receipt = desk.asks(&args, move |target| target.replace(&one, &other));
    let (one, other) = (format!("{first}?proof"), format!("{second}?proof"));
    let proved = desk.asks(&args, move |target| target.replace(&one, &other));

    assert_eq!((receipt.status.code(), proved.status.code()), (Some(3), Some(3)), "{receipt:?} {proved:?}");
    assert!(errors(&receipt).contains("an answer about another envelope"), "{receipt:?}");
    assert!(errors(&proved).contains("not the proof of this envelope's receipt"), "{proved:?}");
    assert!(!proof.exists());
}

#[test]
fn whoever_is_handed_a_proof_says_what_it_must_be_of() {
    let desk = Desk::new();
    let (file, receipt, [first, second]) = (desk.path("a.proof"), desk.path("a.receipt"), desk.envelopes.clone());
    says(&desk.group, &desk.key, 0, &["get", "a", "--proof", text(&file)], 0);
    says(&desk.group, &desk.key, 0, &["receipt", &first, "--out", text(&receipt)], 0);

    for (proof, demands) in
        [(&file, &["--domain", "main", "--path", "a"][..]), (&receipt, &["--domain", "main", "--envelope", &first])]
    {
        assert_eq!(desk.verify(proof, demands), (Some(0), String::new()), "{demands:?}");
    }
    for (proof, demands, why) in [
        (&file, ["--path", "b"], "the proof is of path a, not of b"),
        (&file, ["--domain", "lab"], "the proof is of domain main, not of lab"),
        (&file, ["--envelope", &first], "this proof is not about a receipt"),
        (&receipt, ["--envelope", &second], "the proof is of envelope "),
        (&receipt, ["--domain", "lab"], "the proof is of domain main, not of lab"),
        (&receipt, ["--path", "a"], "this proof is not about a file"),
    ] {
        let (code, said) = desk.verify(proof, &demands);
        assert!(code == Some(1) && said.contains(why), "{demands:?}: {said}");
    }
}

#[test]
fn a_conflict_whose_sides_agree_on_no_content_is_told_as_one_and_not_as_absence() {
    let group = Group::running(4);
    let (one, other, proof) = (author(&group, 0), author(&group, 1), group.dir().join("a.proof"));
    let put = says(&group, &one, 0, &["put", "a", text(&new_key(&group, "first"))], 0);
    says(&group, &one, 0, &["rm", "a"], 0);
    let again = new_key(&group, "again");
    let clash = says(&group, &other, 0, &["put", "a", text(&again), "--base", word(&put, "revision")], 1);
    let conflict = clash["conflicts"][0].as_str().expect("a conflict");

    let got = run(&group, &one, 0, &["get", "a", "--proof", text(&proof)]);
    let told = verified(&group, &proof, &[]);

    let (got, told) = (errors(&got), String::from_utf8_lossy(&told.stdout).into_owned());
    assert!(got.contains("a is in conflict") && got.contains(conflict) && !got.contains("nothing stands"), "{got}");
    assert!(told.contains("none that the sides of the conflict agree on") && told.contains(conflict), "{told}");
    assert!(!told.contains("nothing stands") && !told.contains("last agreed"), "{told}");
}

/// The bytes are the same, and whoever opens the file reads others.
#[test]
fn a_link_whose_target_reads_like_the_proved_content_is_not_the_proved_file() {
    let Desk { group, key, .. } = Desk::new();
    let [file, link, proof] = ["version", "linked", "version.proof"].map(|name| group.dir().join(name));
    std::fs::write(&file, "1.2.3").expect("our folder");
    std::os::unix::fs::symlink("1.2.3", &link).expect("our folder");
    says(&group, &key, 0, &["put", "version", text(&file)], 0);
    assert!(run(&group, &key, 0, &["get", "version", "--proof", text(&proof)]).status.success());

    assert!(verified(&group, &proof, &["--content", text(&file)]).status.success());
    let refused = verified(&group, &proof, &["--content", text(&link)]);

    assert_eq!(refused.status.code(), Some(1), "{}", errors(&refused));
    assert!(
        errors(&refused).contains("of a file, and the content is the target of a symbolic link"),
        "{}",
        errors(&refused)
    );
}
