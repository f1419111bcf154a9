//! `FileStore` and other processes: one that is killed, one whose disk is full or read-only.
//! They are this test binary once more, in the role that an environment variable names.
#![cfg(all(target_os = "linux", feature = "file-store", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

mod support;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;
use tower_bearer::{
    Refreshing,
    client::{ErrorKind, TokenStore, store::FileStore},
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
    test_util::ManualClock,
};

use support::{HOUR, Issuer, SECOND, outage, pair};

const ROLE: &str = "TOWER_BEARER_ROLE";
const FILE: &str = "TOWER_BEARER_FILE";

/// This binary in that role, as arguments of a command.
fn in_role(command: &mut Command, role: &str, file: &Path) {
    command
        .args(["--exact", "a_child_in_its_role", "--ignored", "--nocapture"])
        .env(ROLE, role)
        .env(FILE, file);
}

#[tokio::test]
#[ignore = "a child of the other tests"]
async fn a_child_in_its_role() {
    let file = env::var_os(FILE).map(PathBuf::from).unwrap_or_default();
    match env::var(ROLE).as_deref() {
        Ok("holder") => hold(&file).await,
        Ok("full disk") => live_through(&file, limit_files).await,
        Ok("read-only directory") => live_through(&file, write_protect).await,
        _ => {}
    }
}

async fn log_in(file: &Path, clock: &ManualClock) {
    let nobody = Issuer::answering(|_| async { Err(outage()) });
    let refreshing = Refreshing::builder(nobody).store(FileStore::new(file));
    let tokens = pair(1, clock, HOUR);
    refreshing.build().replace_tokens(tokens).await.unwrap();
}

async fn refresh_token(file: &Path) -> String {
    let tokens = FileStore::new(file).load().await.unwrap().unwrap();
    tokens.refresh_token().unwrap().secret().expose().to_owned()
}

// Killed

/// Asks for new tokens, says so, and never gets an answer.
async fn hold(file: &Path) {
    let clock = ManualClock::new();
    clock.advance(2 * HOUR);
    let issuer = Issuer::answering(|_| async {
        eprintln!("ASKED");
        std::future::pending().await
    });
    let tokens = Refreshing::builder(issuer)
        .clock(clock)
        .store(FileStore::new(file));
    tokens.build().token().await.unwrap();
}

#[tokio::test]
async fn a_holder_that_is_killed_frees_the_lock_and_its_successor_knows_what_it_did() {
    for is_refused in [false, true] {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("tokens.json");
        let clock = ManualClock::new();
        log_in(&file, &clock).await;
        clock.advance(HOUR);

        let mut holder = Command::new(env::current_exe().unwrap());
        in_role(&mut holder, "holder", &file);
        let mut holder = holder.stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(holder.stderr.take().unwrap()).lines();
        assert!(said.map_while(Result::ok).any(|line| line == "ASKED"));
        holder.kill().unwrap();
        holder.wait().unwrap();

        let issuer = Issuer::with_clock(&clock, move |ask, clock| async move {
            match ask.refresh {
                Some(_) if is_refused => Err(ObtainError::refused("invalid_grant", None)),
                Some(token) => {
                    assert_eq!(token, "refresh-1");
                    Ok(pair(2, &clock, HOUR))
                }
                None => Err(ObtainError::new(ObtainErrorKind::LogInAgain(
                    LogInAgain::NotLoggedIn,
                ))),
            }
        });
        let tokens = Refreshing::builder(issuer)
            .clock(clock)
            .store(FileStore::new(&file))
            .build();
        match tokens.token().await {
            Ok(token) => assert_eq!(token.expose(), "token-2"),
            Err(error) => assert_eq!(
                error.kind(),
                ErrorKind::LogInAgain(LogInAgain::MayHaveBeenUsed)
            ),
        }
        let expected = if is_refused { "refresh-1" } else { "refresh-2" };
        assert_eq!(refresh_token(&file).await, expected);
    }
}

// A disk that can't be written to

/// Lives through a failure before the request and one between the answer and the write;
/// `fail` begins and ends it. Neither costs a token.
async fn live_through(file: &Path, fail: fn(&Path, bool)) {
    let clock = ManualClock::new();
    log_in(file, &clock).await;
    let path = file.to_owned();
    let issuer = Issuer::with_clock(&clock, move |ask, clock| {
        fail(&path, true);
        async move { Ok(pair(ask.number + 1, &clock, HOUR)) }
    });
    let tokens = Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .store(FileStore::new(file))
        .build();
    assert_eq!(tokens.token().await.unwrap().expose(), "token-1");

    clock.advance(HOUR);
    fail(file, true);
    assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(issuer.asked(), 0, "what can't be written is not asked for");
    fail(file, false);
    clock.advance(SECOND);

    let error = tokens.token().await.unwrap_err();
    assert_eq!((error.kind(), issuer.asked()), (ErrorKind::Store, 1));
    assert_eq!(
        refresh_token(file).await,
        "refresh-1",
        "the file is as it was"
    );
    clock.advance(2 * SECOND);
    assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Store);
    fail(file, false);
    clock.advance(4 * SECOND);
    assert_eq!(tokens.token().await.unwrap().expose(), "token-2");
    assert_eq!(refresh_token(file).await, "refresh-2");
    assert_eq!(issuer.asked(), 1, "nobody was asked again");
}

fn assert_lives(mut child: Command) {
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let lived = output.status.success() && said.contains("1 passed");
    assert!(lived, "{said}{errors}");
}

/// No file can grow, which is what a full disk says too.
fn limit_files(_: &Path, begin: bool) {
    let limit = Rlimit {
        current: begin.then_some(0),
        maximum: None,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

#[test]
fn a_full_disk_costs_no_token() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    // The signal that comes with the limit would end the process.
    let mut child = Command::new("sh");
    child.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
    child.arg(env::current_exe().unwrap());
    in_role(&mut child, "full disk", &file);
    assert_lives(child);
}

/// By mode, which root ignores; for root, by a mount of the directory over itself.
fn write_protect(file: &Path, begin: bool) {
    let directory = file.parent().unwrap();
    if !is_root() {
        let mode = if begin { 0o500 } else { 0o700 };
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        return;
    }
    let script = match begin {
        true => r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0""#,
        false => r#"umount "$0""#,
    };
    let mut shell = Command::new("sh");
    let status = shell.args(["-c", script]).arg(directory).status();
    assert!(status.unwrap().success());
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_read_only_directory_costs_no_token() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    let executable = env::current_exe().unwrap();
    let mut child = Command::new(&executable);
    if is_root() {
        let probe = r#"mount --bind "$0" "$0""#;
        let mut may_mount = Command::new("unshare");
        may_mount
            .args(["-m", "sh", "-c", probe])
            .arg(directory.path());
        if !may_mount.output().is_ok_and(|it| it.status.success()) {
            eprintln!("SKIPPED: root ignores modes, and this machine allows no mount");
            return;
        }
        // In a world of its own, so that its mounts end with it.
        child = Command::new("unshare");
        child.arg("-m").arg(&executable);
    }
    in_role(&mut child, "read-only directory", &file);
    assert_lives(child);
}
