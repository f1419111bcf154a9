//! Where and when, and which versions.

use std::{error::Error, fs, process::Command, thread, time::Duration};

pub struct Machine {
    pub date: String,
    pub processor: String,
    pub processors: usize,
    pub compiler: String,
    /// How many programs wanted a processor in the last minute.
    pub load: f64,
}

/// A machine with more to do is not idle.
pub const IDLE: f64 = 0.5;

impl Machine {
    pub fn ask() -> Result<Self, Box<dyn Error>> {
        let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = about
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let processor = processor
            .unwrap_or("unknown")
            .trim_start_matches(['\t', ':', ' ']);
        Ok(Self {
            date: output("date", &["-u", "+%Y-%m-%d"])?,
            processor: processor.to_owned(),
            processors: thread::available_parallelism()?.get(),
            compiler: output("rustc", &["--version"])?,
            load: load_once_idle()?,
        })
    }
}

/// Waits until what was built before is out of the average, or somebody else keeps it up.
fn load_once_idle() -> Result<f64, Box<dyn Error>> {
    const LOOKS: usize = 36;
    let mut load = f64::INFINITY;
    for _ in 0..LOOKS {
        let average = fs::read_to_string("/proc/loadavg")?;
        load = average.split(' ').next().unwrap_or_default().parse()?;
        if load < IDLE {
            break;
        }
        thread::sleep(Duration::from_secs(5));
    }
    Ok(load)
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The versions of a crate in the lock file that this program was built with.
pub fn versions(of: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let packages = lock.split("[[package]]").filter_map(|package| {
        let value = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_matches([' ', '=', '"']))
        };
        (value("name")? == of).then(|| value("version"))?
    });
    packages.collect::<Vec<_>>().join(" and ")
}
