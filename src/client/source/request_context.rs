//! What a source sees of a request.

use http::{Extensions, Method, Uri};

/// What a token source sees of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    method: &'a Method,
    uri: &'a Uri,
    extensions: &'a Extensions,
}

impl<'a> RequestContext<'a> {
    /// The context of a request with these parts.
    #[must_use]
    pub fn new(method: &'a Method, uri: &'a Uri, extensions: &'a Extensions) -> Self {
        Self {
            method,
            uri,
            extensions,
        }
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The request's URI; its origin has been accepted already.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// What outer layers and the caller attached to the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}
