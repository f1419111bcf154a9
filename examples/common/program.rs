//! How a program ends: with 0, or with one line that says why not.

use std::{error::Error, process::ExitCode};

use tower_bearer::BoxError;

/// Runs it. What the library logs is shown if `RUST_LOG` asks for it.
pub async fn program(name: &str, run: impl Future<Output = Result<(), BoxError>>) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    match run.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
