//! What a browser brings back, and the session that comes of it.

use bytes::Bytes;
use http::{Request, Response};
use serde::de::DeserializeOwned;

use super::{
    response::{self, AuthorizationResponse, Outcome},
    transaction::Transaction,
};
use crate::{
    login::{
        ClaimsFrom, PageKind,
        cookie::{Jar, SetCookie},
        gate::Gate,
        log::excerpt,
        pages::Problem,
        session::{Session, SessionTokens, not_sealed},
        site::Keeping,
    },
    oauth::AuthorizationCode,
    secret::Secret,
    token::Tokens,
};

impl Gate {
    pub(in crate::login) async fn callback<C>(&self, request: &Request<()>) -> Response<Bytes>
    where
        C: DeserializeOwned,
    {
        let jar = Jar::new(request.headers());
        let unknown = |reason: String| {
            let problem = Problem::new(PageKind::UnknownLogin, reason);
            self.show(problem, self.start())
        };
        let query = request.uri().query().unwrap_or_default();
        let answer = match response::read(request.method(), query) {
            Ok(answer) => answer,
            Err(none) => return unknown(format!("no answer of a provider: {}", none.reason())),
        };
        let Some((transaction, name)) = self.transaction(jar, &answer.state) else {
            return unknown(
                "this browser has begun no login with that `state`, or too long ago, or has finished it".to_owned(),
            );
        };
        match self.log_in::<C>(answer, &transaction).await {
            Ok(cookies) => {
                let mut response = self.redirect(&transaction.return_to);
                let over = [Some(SetCookie::gone(name)), self.counted(jar)];
                let headers = response.headers_mut();
                self.set_cookies(headers, &cookies);
                self.set_cookies(headers, &over.into_iter().flatten().collect::<Vec<_>>());
                response
            }
            Err(problem) => {
                // After an outage the same address may be opened again.
                let is_over = problem.kind != PageKind::Unavailable;
                let mut response = self.show(problem, transaction.return_to);
                if is_over {
                    self.set_cookies(response.headers_mut(), &[SetCookie::gone(name)]);
                }
                response
            }
        }
    }

    /// The cookies of a new session. Whatever session the browser had before, this one is
    /// another.
    async fn log_in<C: DeserializeOwned>(
        &self,
        answer: AuthorizationResponse,
        transaction: &Transaction,
    ) -> Result<Vec<SetCookie>, Problem> {
        let settings = self.settings();
        let (provider, wait) = (&settings.provider, settings.timing.provider);
        let metadata = provider.metadata(wait).await?;
        let names_itself = metadata.supports("authorization_response_iss_parameter_supported");
        if !answer.is_of(provider.issuer(), names_itself) {
            let reason = "the answer doesn't name the provider that was asked (`iss`, RFC 9207)";
            return Err(Problem::not_accepted(reason));
        }
        let code = code(answer.outcome)?;
        let grant = AuthorizationCode::new(code, self.redirect_uri())
            .code_verifier(transaction.code_verifier.as_str());
        let tokens = provider.exchange(&metadata, grant, wait).await?;
        let session = self.session::<C>(&tokens, &transaction.nonce).await?;
        self.keep(&session).await
    }

    /// The session of these tokens, once they are all that they have to be.
    async fn session<C: DeserializeOwned>(
        &self,
        tokens: &Tokens,
        nonce: &str,
    ) -> Result<Session, Problem> {
        let settings = self.settings();
        let id_token = tokens.id_token().map(Secret::expose);
        let missing = || Problem::not_accepted("there is no ID token in the provider's answer");
        let id_token = id_token.ok_or_else(missing)?;
        self.open_id_token(tokens, id_token, Some(nonce)).await?;
        let (now, ahead) = (self.time(), settings.timing.renew_ahead);
        let mut kept = SessionTokens::new(tokens, settings.provider.scope(), now, ahead);
        let counts = match settings.claims_from {
            ClaimsFrom::IdToken => {
                kept = kept.with_id_token(id_token);
                "the ID token"
            }
            ClaimsFrom::AccessToken => {
                "the access token, whose claims are to count (`ClaimsFrom::AccessToken`)"
            }
        };
        if matches!(settings.keeping, Keeping::InCookie { renewing: false }) {
            kept.forget_refresh_token();
        }
        let mut session = Session::begin(kept, self.now()).ok_or_else(not_sealed)?;
        // As each request will do it: what can't be used later ends here.
        let verified = self.verified_of_anybody::<C>(&session).await;
        let verified = verified.map_err(|error| error.problem(counts))?;
        session.subject = verified.registered().subject().map(str::to_owned);
        Ok(session)
    }
}

/// The code, or why there is none (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
fn code(outcome: Outcome) -> Result<Secret, Problem> {
    const DENIED: [&str; 5] = [
        "access_denied",
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    ];
    const PASSING: [&str; 2] = ["server_error", "temporarily_unavailable"];
    let (error, description) = match outcome {
        Outcome::Code(code) => return Ok(code),
        Outcome::Error { error, description } => (error, description),
    };
    let kind = match error.as_str() {
        error if DENIED.contains(&error) => PageKind::Denied,
        error if PASSING.contains(&error) => PageKind::Unavailable,
        _ => PageKind::Misconfigured,
    };
    let description = description.unwrap_or_default();
    let reason = format!(
        "the provider answers `{}` ({})",
        excerpt(&error),
        excerpt(&description)
    );
    Err(Problem::new(kind, reason))
}
