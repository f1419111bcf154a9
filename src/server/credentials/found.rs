//! Where a request holds credentials.

/// Where a request holds credentials in the [`Places`](super::Places) of a guard, good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In none of them.
    Nowhere,
    /// In a header, a parameter or a subprotocol: whoever has sent the request has put them
    /// there.
    Explicit,
    /// In a cookie alone: a browser has added it, whichever page has made it send the request.
    Cookie,
}
