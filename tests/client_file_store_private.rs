//! `FileStore` and who else may touch the file: what is refused, and that the command in the
//! error mends it.
#![cfg(all(unix, feature = "file-store"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tower_bearer::{
    AccessToken, Refreshing,
    client::{
        TokenStore,
        store::{FileStore, FileStoreError, FileStoreErrorKind},
    },
    oauth::{ObtainError, obtain_with},
    token::Tokens,
};

/// `outer/inner/tokens.json` with its lock, all as it should be.
struct Place {
    outer: TempDir,
}

impl Place {
    async fn new() -> Self {
        let place = Self {
            outer: TempDir::new().unwrap(),
        };
        fs::create_dir(place.inner()).unwrap();
        set_mode(&place.inner(), 0o755);
        log_in(FileStore::new(place.file())).await.unwrap();
        place
    }

    fn inner(&self) -> PathBuf {
        self.outer.path().join("inner")
    }

    fn file(&self) -> PathBuf {
        self.inner().join("tokens.json")
    }

    fn lock(&self) -> PathBuf {
        self.inner().join("tokens.json.lock")
    }
}

type Part = fn(&Place) -> PathBuf;

/// Puts tokens in as a log-in would.
async fn log_in(store: FileStore) -> Result<(), tower_bearer::client::Error> {
    let nobody = obtain_with(|| async { Err::<Tokens, _>(ObtainError::other("never asked")) });
    let refreshing = Refreshing::builder(nobody).store(store).build();
    let token = AccessToken::new("token-1").unwrap();
    refreshing.replace_tokens(Tokens::new(token)).await
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// The first refusal by reading or, where only the lock is at fault, by writing.
async fn refusal(path: &Path) -> String {
    let store = FileStore::new(path);
    let (kind, text) = match store.load().await {
        Err(error) => {
            let error = error.downcast_ref::<FileStoreError>().unwrap();
            (error.kind(), error.to_string())
        }
        Ok(_) => {
            let error = store.reset().await.unwrap_err();
            (error.kind(), error.to_string())
        }
    };
    assert_eq!(kind, FileStoreErrorKind::Exposed, "{text}");
    log_in(FileStore::new(path)).await.unwrap_err();
    text
}

/// The command at the end of an error, as somebody would paste it.
fn run_command_of(text: &str) {
    let (_, command) = text.rsplit_once(": ").unwrap();
    let status = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

#[tokio::test]
async fn file_and_lock_are_their_owners_alone() {
    let place = Place::new().await;
    assert_eq!(mode(&place.file()), 0o600);
    assert_eq!(mode(&place.lock()), 0o600);
}

#[tokio::test]
async fn what_others_can_read_or_replace_is_refused_with_the_command_that_mends_it() {
    let rows: [(&str, Part, u32); 7] = [
        ("others read the file", Place::file, 0o644),
        ("the group reads the file", Place::file, 0o640),
        ("others write the file", Place::file, 0o602),
        ("others lock the lock", Place::lock, 0o644),
        ("others write the directory", Place::inner, 0o757),
        ("the group writes the directory", Place::inner, 0o775),
        (
            "others write the one above",
            |place| place.outer.path().to_owned(),
            0o777,
        ),
    ];
    for (row, path, mode) in rows {
        let place = Place::new().await;
        let before = fs::read(place.file()).unwrap();
        set_mode(&path(&place), mode);
        let text = refusal(&place.file()).await;
        assert!(text.contains(&format!("mode {mode:o}")), "{row}: {text}");
        assert_eq!(fs::read(place.file()).unwrap(), before, "{row}");
        run_command_of(&text);
        log_in(FileStore::new(place.file())).await.expect(row);
    }
}

#[tokio::test]
async fn a_sticky_directory_keeps_what_is_ours() {
    let place = Place::new().await;
    set_mode(&place.inner(), 0o1777);
    log_in(FileStore::new(place.file())).await.unwrap();
}

#[tokio::test]
async fn a_missing_directory_is_an_error_with_the_command_that_makes_it() {
    let place = Place::new().await;
    let file = place.inner().join("it's missing/deep/tokens.json");
    let error = FileStore::new(&file).reset().await.unwrap_err();
    assert_eq!(error.kind(), FileStoreErrorKind::Io);
    run_command_of(&error.to_string());
    log_in(FileStore::new(&file)).await.unwrap();
    assert_eq!(mode(file.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_symbolic_link_in_place_of_file_or_lock_is_never_followed() {
    for name in [Place::file, Place::lock] {
        let place = Place::new().await;
        let elsewhere = place.outer.path().join("elsewhere");
        fs::rename(name(&place), &elsewhere).unwrap();
        let before = fs::read(&elsewhere).unwrap();
        symlink(&elsewhere, name(&place)).unwrap();
        let text = refusal(&place.file()).await;
        assert!(text.contains("symbolic link"), "{text}");
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
    }
    let place = Place::new().await;
    fs::remove_file(place.lock()).unwrap();
    symlink(place.inner().join("made"), place.lock()).unwrap();
    refusal(&place.file()).await;
    assert!(!place.inner().join("made").exists(), "nor made");
}

#[tokio::test]
async fn our_own_links_on_the_way_are_followed_and_what_they_lead_through_is_judged() {
    let place = Place::new().await;
    let way = place.outer.path().join("way");
    fs::create_dir(&way).unwrap();
    symlink("../inner", way.join("second")).unwrap();
    symlink("way/second", place.outer.path().join("first")).unwrap();
    let file = place.outer.path().join("first/tokens.json");
    log_in(FileStore::new(&file)).await.unwrap();
    assert_eq!(
        fs::read(file.as_path()).unwrap(),
        fs::read(place.file()).unwrap()
    );
    set_mode(&way, 0o777);
    let text = refusal(&file).await;
    assert!(text.contains("/way` has mode 777"), "{text}");
    set_mode(&way, 0o755);
    fs::remove_file(way.join("second")).unwrap();
    symlink("../first", way.join("second")).unwrap();
    let error = FileStore::new(&file).reset().await.unwrap_err();
    assert_eq!(error.kind(), FileStoreErrorKind::Io, "a circle: {error}");
}

#[tokio::test]
async fn what_belongs_to_another_user_is_refused() {
    const OTHER: u32 = 65_534;
    let rows: [(&str, Part); 5] = [
        ("the file", Place::file),
        ("the lock", Place::lock),
        ("the directory", Place::inner),
        ("the one above", |place| place.outer.path().to_owned()),
        ("a link on the way", |place| {
            let link = place.outer.path().join("link");
            symlink("inner", &link).unwrap();
            link
        }),
    ];
    for (row, path) in rows {
        let place = Place::new().await;
        let path = path(&place);
        if let Err(error) = lchown(&path, Some(OTHER), None) {
            eprintln!("SKIPPED: only root can give files away: {error}");
            return;
        }
        let file = match path.is_symlink() {
            true => path.join("tokens.json"),
            false => place.file(),
        };
        let text = refusal(&file).await;
        assert!(text.contains("belongs to user 65534"), "{row}: {text}");
        chown(place.outer.path(), Some(0), None).unwrap();
    }
}

#[tokio::test]
async fn any_permissions_do_where_somebody_said_so() {
    let place = Place::new().await;
    for path in [place.outer.path().to_owned(), place.inner()] {
        set_mode(&path, 0o777);
    }
    for path in [place.file(), place.lock()] {
        set_mode(&path, 0o666);
    }
    let store = FileStore::new(place.file()).dangerous_any_permissions();
    assert!(store.load().await.unwrap().is_some());
    log_in(store).await.unwrap();
    assert_eq!(
        mode(&place.file()),
        0o600,
        "what is written is private again"
    );
}

#[tokio::test]
async fn a_pipe_in_place_of_the_file_holds_nobody_up() {
    let place = Place::new().await;
    fs::remove_file(place.file()).unwrap();
    let mut mkfifo = Command::new("mkfifo");
    let made = mkfifo.args(["-m", "600"]).arg(place.file()).status();
    assert!(made.unwrap().success());
    let error = FileStore::new(place.file()).load().await.unwrap_err();
    let error = error.downcast_ref::<FileStoreError>().unwrap();
    assert_eq!(error.kind(), FileStoreErrorKind::Damaged);
}
