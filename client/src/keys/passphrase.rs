//! Passphrases of locked keys: from a file, from systemd, or from the terminal.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::{env, fs};
use zeroize::Zeroizing;

/// Variable that names a file with the passphrase.
pub const PASSPHRASE_FILE: &str = "QUORATE_PASSPHRASE_FILE";

/// Name of the passphrase among the credentials that systemd hands to a service.
pub const CREDENTIAL: &str = "quorate-passphrase";

/// A passphrase, wiped when it is dropped.
pub type Passphrase = Zeroizing<String>;

/// Bytes of a file with a passphrase at most.
const BYTES_MAX: u64 = 4096;

/// The passphrase of a key: from the file of [`PASSPHRASE_FILE`], else from the credential [`CREDENTIAL`], else asked for
/// at the terminal. None where there is no such source: nothing waits where nobody sees the question.
pub fn of(key: &Path) -> Option<io::Result<Passphrase>> {
    let asked = || ask(&format!("Passphrase of {}: ", key.display()));
    source().map(|file| from_file(&file)).or_else(asked)
}

/// A passphrase for a key from now on, asked for twice; none where there is no terminal.
pub fn chosen(key: &Path) -> Option<io::Result<Passphrase>> {
    let first = ask(&format!("New passphrase of {}: ", key.display()))?;
    let again = ask("The same again: ")?;
    let same = first.and_then(|first| Ok((again?, first))).and_then(|(again, first)| {
        match *first == *again && !first.is_empty() {
            true => Ok(first),
            false => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "the two differ or are empty; nothing was changed"))
            }
        }
    });
    Some(same)
}

fn source() -> Option<PathBuf> {
    let credential = || {
        let file = Path::new(&env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL);
        file.exists().then_some(file)
    };
    env::var_os(PASSPHRASE_FILE).filter(|file| !file.is_empty()).map(PathBuf::from).or_else(credential)
}

/// The passphrase in a file: its first line, without the line's end.
pub fn from_file(file: &Path) -> io::Result<Passphrase> {
    let fault = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", file.display()));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    if fs::metadata(file).map_err(named)?.len() > BYTES_MAX {
        return Err(fault("a passphrase has at most 4096 bytes"));
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(named)?);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        Err(fault("the first line is the passphrase, and it is empty"))
    } else {
        Ok(line.to_owned().into())
    }
}

/// Asks at the terminal, without showing what is typed; none where standard error is no terminal.
fn ask(prompt: &str) -> Option<io::Result<Passphrase>> {
    io::stderr().is_terminal().then(|| rpassword::prompt_password(prompt).map(Passphrase::new))
}
