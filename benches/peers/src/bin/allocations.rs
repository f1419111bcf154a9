//! How often each contender allocates for one request, as JSON. A program of its own, because
//! a counting allocator would be measured too.

use std::{collections::BTreeMap, fmt::Debug};

use http::{Request, Response};
use peers::{
    Visit,
    guards::{guards, scenes},
    headers::{Body, headers},
};
use tower::Service;

#[path = "../../../support/mod.rs"]
mod support;
use support::{outgoing::outgoing, service};

fn main() {
    let mut all = BTreeMap::new();
    for scene in scenes() {
        let token = scene.token;
        let mut counted = Counted {
            of: BTreeMap::new(),
            request: || service::guarded(&token),
        };
        guards(scene.algorithm, &mut counted);
        all.insert(scene.algorithm.to_string(), counted.of);
    }
    let mut counted = Counted {
        of: BTreeMap::new(),
        request: outgoing as fn() -> Request<Body>,
    };
    headers(&mut counted);
    all.insert("client".to_owned(), counted.of);
    println!("{}", serde_json::json!(all));
}

struct Counted<F> {
    of: BTreeMap<&'static str, u64>,
    request: F,
}

impl<B, F: FnMut() -> Request<B>> Visit<B> for Counted<F> {
    fn visit<S>(&mut self, name: &'static str, mut service: S)
    where
        S: Service<Request<B>, Response = Response<()>, Error: Debug> + Clone,
    {
        let mut count = || {
            let request = (self.request)();
            let counted = allocation_counter::measure(|| {
                assert_eq!(service::send(&mut service, request), 200, "{name}");
            });
            counted.count_total
        };
        count(); // what is built once
        let least = (0..5).map(|_| count()).min();
        self.of.insert(name, least.unwrap_or_default());
    }
}
