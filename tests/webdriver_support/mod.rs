//! A real browser, as a WebDriver client sees it (W3C WebDriver 2).
#![allow(unreachable_pub)] // a module of test binaries
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

/// Headless Chromium and its driver. Both end with this.
pub struct WebDriver {
    driver: Child,
    session: String,
    screenshots: PathBuf,
    profile: PathBuf,
    taken: u32,
}

/// What a WebDriver calls an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser of a test fetches nothing of its own.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

impl WebDriver {
    /// None where there is no Chromium.
    pub async fn start(name: &str) -> Option<Self> {
        let browser = found("chromium")?;
        let mut driver = Command::new(found("chromedriver")?)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = port(&mut driver);
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let screenshots = match env::var_os("TOWER_BEARER_SCREENSHOTS") {
            Some(place) => PathBuf::from(place),
            None => scratch.join("screenshots"),
        };
        fs::create_dir_all(&screenshots).unwrap();
        let profile = scratch.join(format!("{name}-profile-{}", std::process::id()));
        let mut this = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
            screenshots: screenshots.join(name),
            profile,
            taken: 0,
        };
        let profile = format!("--user-data-dir={}", this.profile.display());
        let flags: Vec<_> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let options = json!({ "binary": browser, "args": flags });
        let wanted = json!({ "alwaysMatch": {
            "goog:chromeOptions": options,
            "timeouts": { "implicit": 20_000, "pageLoad": 60_000, "script": 60_000 },
        }});
        let answer = this
            .ask(Method::POST, "", json!({ "capabilities": wanted }))
            .await;
        let id = answer["sessionId"].as_str().expect("a session");
        this.session = format!("{}/{id}", this.session);
        Some(this)
    }

    pub async fn open(&self, address: &str) {
        self.ask(Method::POST, "/url", json!({ "url": address }))
            .await;
    }

    pub async fn address(&self) -> String {
        let address = self.ask(Method::GET, "/url", Value::Null).await;
        address.as_str().unwrap().to_owned()
    }

    /// Waits for a page with this headline.
    pub async fn sees(&self, headline: &str) {
        let path = format!("//h1[normalize-space()=\"{headline}\"]");
        self.found("xpath", &path).await;
    }

    /// The element of a CSS selector, once it is there.
    async fn element(&self, selector: &str) -> String {
        self.found("css selector", selector).await
    }

    async fn found(&self, using: &str, what: &str) -> String {
        let wanted = json!({ "using": using, "value": what });
        let found = self.ask(Method::POST, "/element", wanted).await;
        found[ELEMENT].as_str().expect(what).to_owned()
    }

    pub async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/text");
        let text = self.ask(Method::GET, &path, Value::Null).await;
        text.as_str().unwrap().to_owned()
    }

    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/value");
        self.ask(Method::POST, &path, json!({ "text": text })).await;
    }

    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/click");
        self.ask(Method::POST, &path, json!({})).await;
    }

    /// What a script of the page comes to; its last argument is called with it.
    pub async fn run(&self, script: &str) -> Value {
        let call = json!({ "script": script, "args": [] });
        self.ask(Method::POST, "/execute/async", call).await
    }

    /// Leaves a picture of the page, outside the repository.
    pub async fn screenshot(&mut self, step: &str) {
        let picture = self.ask(Method::GET, "/screenshot", Value::Null).await;
        let picture = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        self.taken += 1;
        fs::create_dir_all(&self.screenshots).unwrap();
        let file = self
            .screenshots
            .join(format!("{:02}-{step}.png", self.taken));
        fs::write(file, picture).unwrap();
    }

    pub async fn close(self) {
        self.ask(Method::DELETE, "", Value::Null).await;
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .unwrap();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer["value"].take()
    }
}

impl Drop for WebDriver {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn found(program: &str) -> Option<PathBuf> {
    let places = env::var_os("PATH")?;
    let mut places = env::split_paths(&places).map(|place| place.join(program));
    places.find(|file| file.is_file())
}

/// It says where it listens.
fn port(driver: &mut Child) -> u16 {
    let (told, port) = mpsc::channel();
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        let mut lines = lines.map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let _ = told.send(port);
        lines.for_each(drop);
    });
    let port = port.recv_timeout(Duration::from_secs(60));
    port.ok().flatten().expect("chromedriver did not listen")
}
