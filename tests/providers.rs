//! The providers of docs/providers.md as they are: metadata, keys and tokens in the shape
//! that each gives them, and the configuration that the page shows, word for word.
#![cfg(all(feature = "client", feature = "server"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod remote_support;

use std::collections::BTreeMap;

use http::{Request, Response};
use jsonwebtoken::{EncodingKey, Header};
use remote_support::{Answer, Publisher, request};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_bearer::{
    AccessToken, Algorithm, AuthLayer, BoxError, Expected, RemoteKeySet, RequireJwt, ScopeSet,
    Validator,
    client::source,
    clock::{Clock, SystemClock},
    jwt::SigningKey,
    server::{Authentication, Rejection},
};

/// What a provider publishes, and the tokens that it gives out.
#[derive(Deserialize)]
struct Provider {
    /// By address; `"JWKS"` stands for the keys.
    documents: BTreeMap<String, Value>,
    /// How its key differs from one that we would publish.
    key: Differences,
    /// Keys in the set besides.
    other_keys: Vec<Value>,
    header: Map<String, Value>,
    accepted: Accepted,
    refused: Vec<Refused>,
    /// Whether its documents are for those only who send a token.
    #[serde(default)]
    needs_token: bool,
}

#[derive(Deserialize)]
struct Differences {
    remove: Vec<String>,
    add: Map<String, Value>,
}

#[derive(Deserialize)]
struct Accepted {
    claims: Map<String, Value>,
    scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Refused {
    what: String,
    because: String,
    claims: Map<String, Value>,
    #[serde(default)]
    no_end: bool,
}

const KEY_ID: &str = "test-key-1";
const KEY: &str = include_str!("keys_support/rsa.pem");

impl Provider {
    fn keys(&self) -> Value {
        let key = SigningKey::from_pem(Algorithm::RS256, KEY).unwrap();
        let jwk = key.with_key_id(KEY_ID).public_jwk().unwrap();
        let mut jwk: Map<String, Value> = serde_json::from_str(&jwk).unwrap();
        let others = self.other_keys.iter().map(|other| {
            let mut other_key = jwk.clone();
            other_key.extend(other.as_object().unwrap().clone());
            Value::Object(other_key)
        });
        let mut keys: Vec<Value> = others.collect();
        for name in &self.key.remove {
            jwk.remove(name);
        }
        jwk.extend(self.key.add.clone());
        keys.push(Value::Object(jwk));
        json!({ "keys": keys })
    }

    fn publisher(&self) -> Publisher {
        let keys = self.keys();
        let documents: BTreeMap<String, Value> = self
            .documents
            .iter()
            .map(|(address, document)| match document.as_str() {
                Some("JWKS") => (address.clone(), keys.clone()),
                _ => (address.clone(), document.clone()),
            })
            .collect();
        let needs_token = self.needs_token;
        Publisher::new(move |asked| match documents.get(&asked.uri.to_string()) {
            Some(_) if needs_token && !asked.headers.contains_key("authorization") => {
                Answer::status(401)
            }
            Some(document) => Answer::json(document),
            None => Answer::status(404),
        })
    }

    /// Signed by somebody else's implementation.
    fn token(&self, claims: &Map<String, Value>, no_end: bool) -> String {
        let mut header = Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(KEY_ID.to_owned());
        header.typ = self.header["typ"].as_str().map(str::to_owned);
        header.x5t = self
            .header
            .get("x5t")
            .map(|x5t| x5t.as_str().unwrap().to_owned());
        let now = SystemClock::new().wall();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut claims = claims.clone();
        claims.insert("iat".to_owned(), json!(now));
        if !no_end {
            claims.insert("exp".to_owned(), json!(now + 3600));
        }
        let key = EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }
}

type Guarded<C> = Result<RequireJwt<C>, BoxError>;

/// The scopes that the API sees, or why the token was refused.
async fn answer<C>(guard: RequireJwt<C>, token: &str) -> Result<Vec<String>, String>
where
    C: DeserializeOwned + Send + Sync + 'static,
{
    let inner = tower::service_fn(|request: Request<()>| async move {
        let scopes = request
            .extensions()
            .get::<Authentication>()
            .unwrap()
            .scopes();
        let scopes = scopes.unwrap().as_str().split_whitespace();
        let mut scopes: Vec<_> = scopes.map(str::to_owned).collect();
        scopes.sort();
        Ok::<_, std::convert::Infallible>(Response::new(scopes))
    });
    let response = guard.layer(inner).oneshot(request(token)).await.unwrap();
    match response.extensions().get::<Rejection>() {
        Some(rejection) => Err(rejection.to_string()),
        None => Ok(response.into_body()),
    }
}

async fn check<C>(fixture: &str, guard: impl Fn(Publisher) -> Guarded<C>)
where
    C: DeserializeOwned + Send + Sync + 'static,
{
    let provider: Provider = serde_json::from_str(fixture).unwrap();
    let accepted = provider.token(&provider.accepted.claims, false);
    let scopes = answer(guard(provider.publisher()).unwrap(), &accepted).await;
    assert_eq!(scopes, Ok(provider.accepted.scopes.clone()));
    assert!(!provider.refused.is_empty());
    for refused in &provider.refused {
        let token = provider.token(&refused.claims, refused.no_end);
        let answer = answer(guard(provider.publisher()).unwrap(), &token).await;
        let reason = answer.expect_err(&refused.what);
        assert!(
            reason.contains(&refused.because),
            "{}: {reason}",
            refused.what
        );
    }
}

/// What is between the comment with the page's heading and `// end` stands in the page.
macro_rules! provider {
    ($name:ident) => {
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let fixture = include_str!(concat!("providers_support/", stringify!($name), ".json"));
            check(fixture, configured::$name::guard).await;
        }
    };
}

provider!(entra_v2);
provider!(entra_v1);
provider!(entra_multi_tenant);
provider!(auth0);
provider!(okta);
provider!(keycloak);
provider!(cognito);
provider!(google);
provider!(kubernetes);
provider!(github_actions);
provider!(gitlab);

mod configured {
    use super::*;

    #[derive(Deserialize)]
    pub(super) struct MyClaims {}

    pub(super) mod entra_v2 {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Entra ID, tokens of version 2
            let issuer =
                "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let validator =
                Validator::new(issuer, "11112222-bbbb-3333-cccc-4444dddd5555").require_claim("scp");
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod entra_v1 {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Entra ID, tokens of version 1
            let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
            let issuer = format!("https://sts.windows.net/{tenant}/");
            let keys = RemoteKeySet::discover(&issuer)?
                .metadata_at(&format!(
                    "https://login.microsoftonline.com/{tenant}/.well-known/openid-configuration"
                ))?
                .over(transport);
            let validator = Validator::new(issuer, "api://orders").require_claim("scp");
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod entra_multi_tenant {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Entra ID, many tenants
            let keys =
                RemoteKeySet::new("https://login.microsoftonline.com/common/discovery/v2.0/keys")?
                    .over(transport);
            let tenants = Expected::pattern("https://login.microsoftonline.com/{tid}/v2.0")?;
            let validator = Validator::new(tenants, "11112222-bbbb-3333-cccc-4444dddd5555")
                .require_claim("scp")
                .exact_claim("tid", ["aaaabbbb-0000-cccc-1111-dddd2222eeee"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod auth0 {
        use super::*;

        #[derive(Deserialize)]
        pub(crate) struct MyClaims {
            permissions: Vec<String>,
        }

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Auth0
            let issuer = "https://TENANT.eu.auth0.com/";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let validator = Validator::new(issuer, "https://orders.example");
            let guard = RequireJwt::<MyClaims>::new(validator, keys)
                .scopes_from(|claims| ScopeSet::from_iter(&claims.permissions));
            // end
            Ok(guard)
        }
    }

    pub(super) mod okta {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Okta
            let issuer = "https://ORG.okta.com/oauth2/default";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let validator = Validator::new(issuer, "api://default");
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod keycloak {
        use super::*;

        #[derive(Deserialize)]
        pub(crate) struct MyClaims {
            realm_access: Roles,
        }

        #[derive(Deserialize)]
        pub(crate) struct Roles {
            roles: Vec<String>,
        }

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Keycloak
            let issuer = "https://id.example/realms/orders";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let validator = Validator::new(issuer, "orders").exact_claim("typ", ["Bearer"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys)
                .scopes_from(|claims| ScopeSet::from_iter(&claims.realm_access.roles));
            // end
            Ok(guard)
        }
    }

    pub(super) mod cognito {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Amazon Cognito
            let issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ABC123";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let clients = Expected::in_claim("client_id", "1h57kf5cpq17m0eml12EXAMPLE");
            let validator = Validator::new(issuer, clients).exact_claim("token_use", ["access"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod google {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## Google, ID tokens
            let keys = RemoteKeySet::discover("https://accounts.google.com")?.over(transport);
            let validator = Validator::new(
                ["https://accounts.google.com", "accounts.google.com"],
                "1234987819200.apps.googleusercontent.com",
            )
            .exact_claim("hd", ["orders.example"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod kubernetes {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            let own_token = source::from_fn(|_| AccessToken::new("own-token").ok());
            // ## Kubernetes service accounts
            let transport = ServiceBuilder::new()
                .layer(AuthLayer::new(own_token).origin("https://kubernetes.default.svc")?)
                .service(transport);
            let keys =
                RemoteKeySet::new("https://kubernetes.default.svc/openid/v1/jwks")?.over(transport);
            let issuer = "https://kubernetes.default.svc.cluster.local";
            let validator = Validator::new(issuer, "orders");
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod github_actions {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## GitHub Actions
            let issuer = "https://token.actions.githubusercontent.com";
            let keys = RemoteKeySet::discover(issuer)?.over(transport);
            let validator = Validator::new(issuer, "https://orders.example")
                .exact_claim("repository_owner_id", ["65"])
                .exact_claim("repository", ["octo-org/octo-repo"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }

    pub(super) mod gitlab {
        use super::*;

        pub(crate) fn guard(transport: Publisher) -> Guarded<MyClaims> {
            // ## GitLab CI
            let keys = RemoteKeySet::discover("https://gitlab.com")?.over(transport);
            let validator = Validator::new("https://gitlab.com", "https://orders.example")
                .exact_claim("namespace_id", ["72"])
                .exact_claim("ref_protected", ["true"]);
            let guard = RequireJwt::<MyClaims>::new(validator, keys);
            // end
            Ok(guard)
        }
    }
}

/// The code between each comment with a heading and `// end`, by heading.
fn regions(source: &str) -> BTreeMap<String, String> {
    let mut regions = BTreeMap::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let Some(heading) = line.trim_start().strip_prefix("// ## ") else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let code = lines.by_ref().take_while(|line| line.trim() != "// end");
        let code: Vec<_> = code
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        regions.insert(heading.to_owned(), code.join("\n"));
    }
    regions
}

/// The first block of code below each heading of a page that has one.
fn blocks(page: &str) -> BTreeMap<String, String> {
    let sections = page.split("\n## ").skip(1);
    let block = |section: &str| {
        let (heading, rest) = section.split_once('\n')?;
        let code = rest.split_once("```rust,ignore\n")?.1;
        let code = code.split_once("\n```")?.0;
        Some((heading.to_owned(), code.to_owned()))
    };
    sections.filter_map(block).collect()
}

#[test]
fn the_page_shows_what_is_tested_and_nothing_else() {
    let page = include_str!("../docs/providers.md");
    let (shown, tested) = (blocks(page), regions(include_str!("providers.rs")));
    assert_eq!(tested.len(), 11);
    assert_eq!(shown, tested);
    // Each has its row in the table, which links to its section.
    for heading in tested.keys() {
        assert!(page.contains(&format!("| [{heading}](#")), "{heading}");
    }
}
