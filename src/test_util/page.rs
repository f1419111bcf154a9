//! Pages for humans, and where browsers are sent.

use http::{HeaderValue, Response, StatusCode, header};

use super::{Body, fault};

pub(super) fn page(status: StatusCode, title: &str, inside: &str) -> Response<Body> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <main><h1>{title}</h1>{inside}</main></html>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, html);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The form is sent to the address it came from, whose query has the rest.
pub(super) fn login_page(is_wrong: bool) -> Response<Body> {
    let wrong = match is_wrong {
        true => "<p role=\"alert\">Unknown user, or wrong password.</p>",
        false => "",
    };
    let form = format!(
        "{wrong}<form method=\"post\">\
         <p><label>Name <input name=\"username\" autofocus></label>\
         <p><label>Password <input name=\"password\" type=\"password\"></label>\
         <p><button name=\"answer\" value=\"allow\">Log in</button> \
         <button name=\"answer\" value=\"deny\">Cancel</button></form>"
    );
    page(StatusCode::OK, "Log in", &form)
}

/// RFC 9700 §4.12: 303, so that no password is sent on.
pub(super) fn redirect(to: &str, parameters: &[(&str, Option<&str>)]) -> Response<Body> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    let separator = match (query.is_empty(), to.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let Ok(location) = HeaderValue::from_str(&format!("{to}{separator}{query}")) else {
        return fault::empty(StatusCode::BAD_REQUEST);
    };
    let mut response = fault::empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
