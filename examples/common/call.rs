//! A call of an API, as it is written on the command line.

use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use tower_bearer::BoxError;

/// `METHOD PATH`, and JSON behind it if the call has a body.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    json: Option<String>,
}

impl Call {
    /// The same with a body, where it has none and its method wants one.
    pub fn or_json(mut self, json: &str) -> Self {
        let wants_one = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        if wants_one && self.json.is_none() {
            self.json = Some(json.to_owned());
        }
        self
    }

    /// The call, of an API at this address, which is asked for JSON.
    pub fn request(&self, base: &str) -> Result<Request<Full<Bytes>>, BoxError> {
        let json = HeaderValue::from_static("application/json");
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{base}{}", self.path))
            .header(header::ACCEPT, json.clone());
        let body = match &self.json {
            Some(text) => {
                request = request.header(header::CONTENT_TYPE, json);
                Bytes::from(text.clone())
            }
            None => Bytes::new(),
        };
        Ok(request.body(Full::new(body))?)
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, rest) = text
            .trim()
            .split_once(' ')
            .ok_or("write it as `GET /path`")?;
        let (path, json) = match rest.trim().split_once(' ') {
            Some((path, json)) => (path, Some(json.trim().to_owned())),
            None => (rest.trim(), None),
        };
        if !path.starts_with('/') {
            return Err("the path has to begin with `/`".to_owned());
        }
        if let Some(json) = &json {
            let parsed = serde_json::from_str::<serde_json::Value>(json);
            parsed.map_err(|error| format!("what stands behind the path is no JSON: {error}"))?;
        }
        Ok(Self {
            method: method
                .parse()
                .map_err(|_| format!("`{method}` is no method"))?,
            path: path.to_owned(),
            json,
        })
    }
}
