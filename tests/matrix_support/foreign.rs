//! A server that nobody named.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::to_bytes, extract::Request, response::IntoResponse};
use serde_json::json;
use tokio::net::TcpListener;

/// Writes down all that it gets, over HTTP/1.1 and HTTP/2, and answers as a token endpoint
/// that would like to be asked again.
pub struct Foreign {
    pub origin: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Foreign {
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let foreign = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            heard: Arc::default(),
        };
        let heard = foreign.heard.clone();
        let app = Router::new().fallback(move |request| hear(request, heard.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        foreign
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn hear(request: Request, heard: Arc<Mutex<Vec<String>>>) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    heard.lock().unwrap().push(format!("{head:?}"));
    // The body of a stream may never come to its end; what came of it is written down then.
    let body = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    heard.lock().unwrap().push(text);
    Json(json!({ "access_token": "of-a-stranger", "token_type": "Bearer" }))
}
