//! The flags that all have.

use std::time::Duration;

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub struct Plan {
    /// How many calls to make, one after the other. 1 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: Option<u32>,

    /// How many seconds to wait between two calls. 0 unless given.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub every: Option<Duration>,

    /// Run against a strict imitation of the system in this process, and end.
    #[arg(long)]
    pub demo: bool,
}

impl Plan {
    /// What a demonstration does unless told otherwise: it outlives tokens of two seconds.
    pub fn of_demo(self) -> Self {
        Self {
            calls: self.calls.or(Some(4)),
            every: self.every.or(Some(Duration::from_secs(1))),
            ..self
        }
    }
}

/// An address to which paths are added.
pub fn base(address: &str) -> Result<String, std::convert::Infallible> {
    Ok(address.trim_end_matches('/').to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
