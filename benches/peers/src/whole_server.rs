//! Requests over TCP to a server of one thread, from 16 connections that wait for each answer.
#![allow(clippy::disallowed_methods)] // measures time, which the library takes from a Clock

use std::{
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use peers::guards::scenes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::runs::Pace;

const CONNECTIONS: usize = 16;

/// Ticks of `/proc/PID/stat`: the same on every Linux.
const MICROSECONDS_A_TICK: f64 = 10_000.0;

pub struct Measured {
    pub guard: &'static str,
    pub algorithm: Option<&'static str>,
    /// One for each round.
    pub requests_a_second: Vec<f64>,
    pub processor_microseconds: Vec<f64>,
}

/// In rounds, so that a busy moment hits all of them.
pub fn measure(program: &Path, pace: Pace) -> io::Result<Vec<Measured>> {
    let row = |guard, algorithm| Measured {
        guard,
        algorithm,
        requests_a_second: Vec::new(),
        processor_microseconds: Vec::new(),
    };
    let mut rows = vec![row("none", None), row("static", None)];
    for algorithm in ["HS256", "RS256"] {
        rows.extend(
            ["tower-bearer", "tower-bearer, cache hit", "jsonwebtoken"]
                .map(|guard| row(guard, Some(algorithm))),
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for _ in 0..pace.rounds {
        for row in &mut rows {
            let server = Server::start(program, row.guard, row.algorithm.unwrap_or("HS256"))?;
            let request = request(row.algorithm);
            let seconds = Duration::from_secs_f64;
            runtime.block_on(load(server.port, &request, seconds(pace.warm_up_seconds)))?;
            let (start, before) = (Instant::now(), server.processor_microseconds()?);
            let answers = runtime.block_on(load(server.port, &request, seconds(pace.seconds)))?;
            let spent = server.processor_microseconds()? - before;
            let elapsed = start.elapsed().as_secs_f64();
            row.requests_a_second.push(answers as f64 / elapsed);
            row.processor_microseconds.push(spent / answers as f64);
        }
    }
    Ok(rows)
}

fn request(algorithm: Option<&str>) -> String {
    let scenes = scenes().into_iter();
    let named = scenes.filter(|scene| Some(&*scene.algorithm.to_string()) == algorithm);
    let token = named.map(|scene| scene.token).next();
    let token = token.unwrap_or_else(|| "static".to_owned());
    format!(
        "GET /orders HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(program: &Path, guard: &str, algorithm: &str) -> io::Result<Self> {
        let mut command = Command::new(program);
        let mut process = command
            .args([guard, algorithm])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().map_err(io::Error::other)?;
        Ok(Self { process, port })
    }

    /// Spent by its process so far, in the kernel too.
    fn processor_microseconds(&self) -> io::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = behind_name.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks * MICROSECONDS_A_TICK)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many requests were answered meanwhile.
async fn load(port: u16, request: &str, time: Duration) -> io::Result<usize> {
    let end = Instant::now() + time;
    let connections = (0..CONNECTIONS).map(|_| ask(port, request, end));
    let answers = futures::future::try_join_all(connections).await?;
    Ok(answers.into_iter().sum())
}

async fn ask(port: u16, request: &str, end: Instant) -> io::Result<usize> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut answers, mut buffer) = (0, [0; 1024]);
    while Instant::now() < end {
        stream.write_all(request.as_bytes()).await?;
        // An answer is small enough to come at once.
        let read = stream.read(&mut buffer).await?;
        if !buffer[..read].starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other("the server refused a good request"));
        }
        answers += 1;
    }
    Ok(answers)
}
