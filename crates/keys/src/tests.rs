//! Keys on disk (protocol, section 5; issue 7, item 2): what is read, what is refused, what a change leaves.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const AT: Timestamp = Timestamp::from_unix_millis(1_795_352_707_120);

/// As an earlier build wrote it.
fn old(secret: u8) -> String {
    let content = file_content(&[secret; KEY_LEN], AT);
    content.lines().next().map(|line| format!("{line}\n")).unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn ids(live: &Live) -> Vec<u8> {
    live.keys.iter().map(|key| key.id).collect()
}

#[test]
fn the_highest_id_signs_where_no_file_says_otherwise() {
    let folder = folder(&[("token-9.key", &old(1)), ("token-10.key", &old(2)), ("README", "")]);
    let live = load(folder.path()).unwrap();
    assert_eq!((ids(&live), live.signing), (vec![10, 9], 10));
    assert_eq!(live.signer().unwrap().secret(), [2; KEY_LEN]);
    assert_eq!(live.other().unwrap().secret(), [1; KEY_LEN]);
}

#[test]
fn the_file_signing_names_the_key_that_signs() {
    let folder = folder(&[("token-1.key", &old(1)), ("token-2.key", &old(2)), (SIGNING, "1\n")]);
    let live = load(folder.path()).unwrap();
    assert_eq!((live.signing, live.other().unwrap().id), (1, 2));
    for wrong in ["", "3\n", "01", "x", "1 2"] {
        std::fs::write(folder.path().join(SIGNING), wrong).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Signing { live: 2, .. }), "{wrong:?}: {error}");
    }
}

#[test]
fn a_key_says_when_it_was_made_and_an_old_one_is_as_old_as_its_file() {
    let folder = folder(&[("token-1.key", &old(1)), ("token-2.key", &file_content(&[2; KEY_LEN], AT))]);
    let live = load(folder.path()).unwrap();
    assert_eq!(live.keys[0].created, AT);
    assert!(live.keys[1].created > AT, "the file is younger than this test's date");
    let due = AT.after(AGE_DUE);
    assert!(live.is_due(due) && !live.is_due(due.before(Duration::from_millis(1))));
    assert_eq!(live.keys[0].age(Timestamp::from_unix_millis(0)), Duration::ZERO);
}

#[test]
fn a_third_key_is_refused_with_advice() {
    let folder = folder(&[("token-1.key", &old(1)), ("token-2.key", &old(2)), ("token-3.key", &old(3))]);
    let error = load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("remove the ones with the lowest ids"), "{error}");
}

#[test]
fn an_empty_folder_is_refused_with_advice() {
    let error = load(folder(&[]).path()).unwrap_err();
    assert!(error.to_string().contains("pix-stream keys new"), "{error}");
}

#[test]
fn names_and_contents_with_other_spellings_are_refused() {
    let key = old(7);
    for name in ["token-0.key", "token-01.key", "token-256.key", "token-a.key", "token-.key", "token-+1.key"]
    {
        assert!(matches!(load(folder(&[(name, &key)]).path()), Err(Error::Name(_))), "{name}");
    }
    let created = |text: &str| format!("{key}created={text}\n");
    for content in [
        "",
        "ab",
        &key.replace('7', "A"),
        &format!("{key}\n"),
        &created(""),
        &created("+1"),
        &created("1\n"),
        &created("99999999999999999999999"),
    ] {
        let loaded = load(folder(&[("token-1.key", content)]).path());
        assert!(matches!(loaded, Err(Error::Content(_))), "{content}");
    }
}

#[test]
fn nothing_shows_a_key() {
    let live = load(folder(&[("token-1.key", &old(0xab))]).path()).unwrap();
    let shown = format!("{live:?}");
    assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
}

#[test]
fn a_rotation_keeps_the_key_before_until_it_is_retired() {
    let folder = folder(&[("token-1.key", &old(1))]);
    let changed = make(folder.path(), [2; KEY_LEN], AT, true, false).unwrap();
    assert_eq!((ids(&changed.after), changed.after.signing), (vec![2, 1], 2));
    assert_eq!(load(folder.path()).unwrap(), changed.after);
    let mode = std::fs::metadata(folder.path().join("token-2.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(make(folder.path(), [3; KEY_LEN], AT, true, false), Err(Error::Full(2, 1))));
    assert!(matches!(retire(folder.path(), 2, false), Err(Error::Signs(2))));
    let changed = retire(folder.path(), 1, false).unwrap();
    assert_eq!((ids(&changed.after), changed.is_change()), (vec![2], true));
    assert_eq!(load(folder.path()).unwrap(), changed.after);
    assert!(!retire(folder.path(), 1, false).unwrap().is_change(), "the same again changes nothing");
}

#[test]
fn a_staged_key_verifies_and_does_not_sign_until_it_is_told_to() {
    let folder = folder(&[("token-1.key", &old(1))]);
    make(folder.path(), [2; KEY_LEN], AT, false, false).unwrap();
    let live = load(folder.path()).unwrap();
    assert_eq!((live.signing, live.other().unwrap().id), (1, 2));
    assert!(matches!(sign(folder.path(), 3, false), Err(Error::Unknown(3))));
    assert!(sign(folder.path(), 2, false).unwrap().is_change());
    assert!(!sign(folder.path(), 2, false).unwrap().is_change(), "the same again changes nothing");
    assert_eq!(load(folder.path()).unwrap().signing, 2);
    // One that was staged and is not wanted any more.
    sign(folder.path(), 1, false).unwrap();
    retire(folder.path(), 2, false).unwrap();
    assert_eq!(ids(&load(folder.path()).unwrap()), [1]);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let folder = folder(&[("token-1.key", &old(1))]);
    let before = load(folder.path()).unwrap();
    let tried = make(folder.path(), [2; KEY_LEN], AT, true, true).unwrap();
    assert!(tried.is_change() && tried.after.signing == 2);
    assert_eq!(load(folder.path()).unwrap(), before);
    make(folder.path(), [2; KEY_LEN], AT, false, false).unwrap();
    let before = load(folder.path()).unwrap();
    assert!(sign(folder.path(), 2, true).unwrap().is_change());
    assert!(retire(folder.path(), 2, true).unwrap().is_change());
    assert_eq!(load(folder.path()).unwrap(), before);
}

#[test]
fn the_first_key_of_an_empty_folder_signs_and_ids_begin_anew_after_255() {
    let empty = folder(&[]);
    let changed = make(empty.path(), [1; KEY_LEN], AT, false, false).unwrap();
    assert_eq!((changed.before, changed.after.signing), (None, 1));
    let full = folder(&[("token-255.key", &old(1))]);
    make(full.path(), [2; KEY_LEN], AT, true, false).unwrap();
    let live = load(full.path()).unwrap();
    assert_eq!((ids(&live), live.signing), (vec![255, 1], 1));
}

#[test]
fn what_a_crash_left_is_no_key_and_is_written_over() {
    let folder = folder(&[("token-1.key", &old(1)), (".token-2.key.new", "ab"), (".signing.new", "")]);
    assert_eq!(ids(&load(folder.path()).unwrap()), [1]);
    // Pinned, and the new key not there yet.
    std::fs::write(folder.path().join(SIGNING), "1\n").unwrap();
    assert_eq!(load(folder.path()).unwrap().signing, 1);
    make(folder.path(), [2; KEY_LEN], AT, true, false).unwrap();
    assert_eq!(load(folder.path()).unwrap().signing, 2);
    assert!(!folder.path().join(".token-2.key.new").exists());
}
