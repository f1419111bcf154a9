//! The calls, a line for each.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};
use tower_bearer::{
    BoxError,
    client::{Error, ErrorKind, Refusal, envelope::ApiFailure},
};

use super::{Call, Log, Plan, program::with_causes};

/// Makes the calls. The first one that fails ends it, since address or credentials are
/// wrong then; later ones don't, unless only a person can help.
pub async fn make_calls<S, B>(
    mut client: S,
    base: &str,
    call: &Call,
    plan: &Plan,
    log: &Log,
) -> Result<(), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: Body<Error: Into<BoxError>>,
{
    let calls = plan.calls.unwrap_or(1);
    let mut failed = 0;
    for number in 1..=calls {
        match served(send(&mut client, base, call).await) {
            Ok(response) => println!("call {number}: {}, {}", response.status(), log.take()),
            Err(error) if number == 1 || needs_a_person(&error) => return Err(error),
            Err(error) => {
                println!("call {number}: {}", with_causes(&*error));
                failed += 1;
            }
        }
        if number < calls {
            tokio::time::sleep(plan.every.unwrap_or_default()).await;
        }
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {calls} calls were not served").into()),
    }
}

/// Makes one call, and reads its answer whole.
pub async fn send<S, B>(
    client: &mut S,
    base: &str,
    call: &Call,
) -> Result<Response<Bytes>, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: Body<Error: Into<BoxError>>,
{
    let response = client.ready().await?.call(call.request(base)?).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(Into::into)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// A refusal that could not be mended is a response; what it was is in its extensions.
fn served<B>(response: Result<Response<B>, BoxError>) -> Result<Response<B>, BoxError> {
    let response = response?;
    let extensions = response.extensions();
    let failure = extensions.get::<ApiFailure>().map(ToString::to_string);
    let status = response.status();
    let said = failure.unwrap_or_else(|| format!("the API answered {status}"));
    match extensions.get::<Refusal>() {
        Some(refusal) => Err(format!("{said}; {refusal}").into()),
        None if status.is_success() => Ok(response),
        None => Err(said.into()),
    }
}

/// Waiting would not help.
fn needs_a_person(error: &BoxError) -> bool {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    match kind {
        None => false,
        Some(ErrorKind::Unavailable { .. } | ErrorKind::Deadline) => false,
        Some(_) => true,
    }
}
