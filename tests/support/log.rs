//! What a test sees of the log.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

/// What is logged in this thread, at every level.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Logs into it until the guard is dropped.
    pub fn start(&self) -> tracing::subscriber::DefaultGuard {
        // While one subscriber alone is there, an event that a thread without one comes by
        // first counts as of no interest, for all threads. With a second that can't happen.
        static SECOND: OnceLock<tracing::Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Log::default().subscriber());
        tracing::dispatcher::set_default(&self.subscriber())
    }

    fn subscriber(&self) -> tracing::Dispatch {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || log.clone())
            .with_ansi(false)
            .into()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
