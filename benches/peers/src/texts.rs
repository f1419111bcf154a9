//! What the document says about each measurement.

pub const BUSY: &str = "
**The machine was not idle.** What stands in one table can be compared all the same, roughly;
no figure is good by itself.
";

pub const GUARDS: &str = "\
The policy is the same for all: issuer, audience, `exp` and the algorithm. Each has first
accepted a good token, and refused one with a wrong signature, an expired one, one for another
audience, one of another issuer, and garbage. The claims type has four strings; `aliri_tower`
reads its own instead. The *bare check* is AWS-LC's, with a prepared key and nothing else, and
what follows in brackets is how many times that a request costs. `jsonwebtoken` is its `decode`
in a middleware of ten lines. `jwt-authorizer` uses ring, and so does `aliri_tower`, with
OpenSSL for ES256; it has no EdDSA. The empty service is taken off.

";

pub const GUARDS_IN_RUST: &str = "\
The same with RustCrypto below, for those that can be built on it. In brackets: how many times
what this crate costs.

";

pub const CLIENTS: &str = "\
A token is at hand, and there is an hour until the next. `AddAuthorization` adds a fixed header
and does nothing else. A request that can be sent again costs the clones of what is kept for
that. `aliri_tokens` makes the header for each request, as its examples do. `kube` is the layer
of `kube-client` for a token in a file, which it would read again each minute; it wants boxed
errors, which `MapErr` behind it promises and never makes. `google-cloud-auth` has no layer: in
a middleware of ten lines, around Tower's `AsyncFilter`, the headers that its credential gives
are added to the request's. The credential is a service account, which signs its own tokens.
Each has first been seen to add a Bearer token.

";

pub const WHOLE_SERVER: &str = "\
axum on one thread, over TCP on this machine; 16 connections, each of which waits for its
answer before it asks again. The load comes from another process on the same machine.
`static` compares the header with a fixed text, `jsonwebtoken` is its `decode` in axum's
`from_fn`.

";

pub const REFUSALS: &str = "\
What an attacker's request costs, beside good tokens of the same sizes. That none costs more
than a good one of its size is asserted in CI, by counting instructions (`benches/counts`).
";

pub const GROWTH: &str = "\
Of this crate alone, with HS256. The number of keys changes nothing. Claims cost by their
size, most of it for the hash. Tasks share one layer, on as many threads as there are
processors; so do the threads that share a cache.
";
