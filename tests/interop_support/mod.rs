//! Where the other implementations are that tests talk to.
#![allow(dead_code, unreachable_pub)] // a module of test binaries
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

/// `tests/interop`, with this installed in it. Where it isn't, that is said, or with
/// `TOWER_BEARER_INTEROP=required` the test fails.
pub fn installed(what: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    if place.join(what).exists() {
        return Some(place);
    }
    missing(what, "in tests/interop; see tests/jwt_interop.rs");
    None
}

/// Says that a test was skipped, or fails it.
pub fn missing(what: &str, place: &str) {
    let required = std::env::var_os("TOWER_BEARER_INTEROP").is_some();
    assert!(!required, "{what} is not {place}");
    // Past the test harness, which would keep it to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what} is not {place}");
}

/// A script in a process of its own, which ends with this, however the test ends: it reads its
/// input to the end.
pub struct Script {
    child: Child,
    _input: ChildStdin,
    /// What it said when it was ready.
    pub said: Value,
}

impl Script {
    /// Runs a script of that folder, which is told one line and says one.
    pub fn start(place: &Path, name: &str, told: &Value) -> Self {
        let mut child = Command::new("node")
            .arg(name)
            .current_dir(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()) // it warns of what is fit for tests only
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{told}").unwrap();
        let (sender, said) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            let answers = lines.map_while(Result::ok);
            let mut answers = answers.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            let _ = sender.send(answers.next());
            answers.for_each(drop); // a pipe that nobody reads ends the process
        });
        let said = said.recv_timeout(Duration::from_secs(60));
        Self {
            child,
            _input: input,
            said: said.ok().flatten().expect(name),
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another implementation, as a program that is given JSON and answers JSON.
pub struct Other {
    program: PathBuf,
    script: &'static str,
    place: PathBuf,
}

impl Other {
    /// None where it isn't installed.
    pub fn find(program: &str, script: &'static str, what: &str) -> Option<Self> {
        let place = installed(what)?;
        let local = place.join(program);
        let program = if local.exists() {
            local
        } else {
            program.into()
        };
        Some(Self {
            program,
            script,
            place,
        })
    }

    pub fn ask(&self, question: &Value) -> Value {
        let mut child = Command::new(&self.program)
            .arg(self.script)
            .current_dir(&self.place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(question.to_string().as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{} failed", self.script);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
