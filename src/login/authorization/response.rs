//! What a browser brings back from the login page (RFC 6749 §4.1.2, RFC 9207).

use http::Method;

use crate::secret::Secret;

/// An answer that can be one of ours.
#[derive(Debug)]
pub(in crate::login) struct AuthorizationResponse {
    pub(in crate::login) state: String,
    pub(in crate::login) issuer: Option<String>,
    pub(in crate::login) outcome: Outcome,
}

#[derive(Debug)]
pub(in crate::login) enum Outcome {
    Code(Secret),
    Error {
        error: String,
        description: Option<String>,
    },
}

/// What is no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum NoAnswer {
    /// Only a browser that follows a redirect brings an answer (`response_mode=query`).
    Method,
    /// RFC 6749 §3.1: no parameter occurs twice.
    Twice(&'static str),
    NoState,
    /// Neither a code nor an error.
    NoOutcome,
    /// A code and an error.
    TwoOutcomes,
}

impl NoAnswer {
    pub(in crate::login) fn reason(self) -> String {
        match self {
            Self::Method => "it came by another method than GET".to_owned(),
            Self::Twice(name) => format!("`{name}` occurs twice"),
            Self::NoState => "it has no `state`".to_owned(),
            Self::NoOutcome => "it has neither a `code` nor an `error`".to_owned(),
            Self::TwoOutcomes => "it has a `code` and an `error`".to_owned(),
        }
    }
}

pub(in crate::login) fn read(
    method: &Method,
    query: &str,
) -> Result<AuthorizationResponse, NoAnswer> {
    if *method != Method::GET {
        return Err(NoAnswer::Method);
    }
    let state = once(query, "state")?.ok_or(NoAnswer::NoState)?;
    let (code, error) = (once(query, "code")?, once(query, "error")?);
    let description = once(query, "error_description")?;
    Ok(AuthorizationResponse {
        state,
        issuer: once(query, "iss")?,
        outcome: match (code, error) {
            (Some(code), None) => Outcome::Code(Secret::from(code)),
            (None, Some(error)) => Outcome::Error { error, description },
            (None, None) => return Err(NoAnswer::NoOutcome),
            (Some(_), Some(_)) => return Err(NoAnswer::TwoOutcomes),
        },
    })
}

/// The value of a parameter, if it has one.
fn once(query: &str, name: &'static str) -> Result<Option<String>, NoAnswer> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
    let value = values.next().map(|(_, value)| value.into_owned());
    match values.next() {
        None => Ok(value.filter(|value| !value.is_empty())),
        Some(_) => Err(NoAnswer::Twice(name)),
    }
}

impl AuthorizationResponse {
    /// RFC 9207 §2.4: who names himself has to be the one who was asked, and who has said that
    /// he does so has to do it.
    pub(in crate::login) fn is_of(&self, issuer: &str, names_itself: bool) -> bool {
        match &self.issuer {
            Some(named) => named == issuer,
            None => !names_itself,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_state_and_one_outcome() {
        let rows = [
            ("GET", "state=s&code=c", Ok("code")),
            ("GET", "state=s&code=c&iss=x&session_state=y", Ok("code")),
            ("GET", "state=s&error=access_denied", Ok("error")),
            (
                "GET",
                "state=s&error=x&error_description=y&code=",
                Ok("error"),
            ),
            ("POST", "state=s&code=c", Err(NoAnswer::Method)),
            ("HEAD", "state=s&code=c", Err(NoAnswer::Method)),
            ("GET", "", Err(NoAnswer::NoState)),
            ("GET", "code=c", Err(NoAnswer::NoState)),
            ("GET", "state=&code=c", Err(NoAnswer::NoState)),
            ("GET", "state=s", Err(NoAnswer::NoOutcome)),
            ("GET", "state=s&code=c&error=x", Err(NoAnswer::TwoOutcomes)),
            ("GET", "state=s&code=c&code=d", Err(NoAnswer::Twice("code"))),
            ("GET", "state=s&code=c&code=c", Err(NoAnswer::Twice("code"))),
            (
                "GET",
                "state=s&state=t&code=c",
                Err(NoAnswer::Twice("state")),
            ),
            (
                "GET",
                "state=s&code=c&iss=a&iss=b",
                Err(NoAnswer::Twice("iss")),
            ),
            (
                "GET",
                "state=s&error=x&error=y",
                Err(NoAnswer::Twice("error")),
            ),
        ];
        for (method, query, expected) in rows {
            let answer = read(&method.parse().unwrap(), query);
            let found = answer.map(|answer| match answer.outcome {
                Outcome::Code(_) => "code",
                Outcome::Error { .. } => "error",
            });
            assert_eq!(found, expected, "{method} {query}");
        }
    }

    #[test]
    fn who_names_himself_has_to_be_who_was_asked() {
        let rows = [
            ("", false, true),
            ("", true, false),
            ("&iss=https%3A%2F%2Fid.example", false, true),
            ("&iss=https%3A%2F%2Fid.example", true, true),
            ("&iss=https%3A%2F%2Fid.example%2F", true, false),
            ("&iss=https%3A%2F%2Fevil.example", false, false),
            ("&iss=https%3A%2F%2Fevil.example", true, false),
        ];
        for (issuer, names_itself, expected) in rows {
            let answer = read(&Method::GET, &format!("state=s&code=c{issuer}")).unwrap();
            let found = answer.is_of("https://id.example", names_itself);
            assert_eq!(found, expected, "{issuer} {names_itself}");
        }
    }
}
