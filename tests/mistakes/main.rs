//! Programs with a mistake that people make. `tests/compile_errors.rs` compiles each with its
//! `mistake` and reads what the compiler says; without one there is nothing to compile.

#[cfg(mistake = "address_for_sessions")]
mod address_for_sessions;
#[cfg(mistake = "body_that_can_not_be_repeated")]
mod body_that_can_not_be_repeated;
#[cfg(mistake = "body_without_default")]
mod body_without_default;
#[cfg(mistake = "claims_that_can_not_be_read")]
mod claims_that_can_not_be_read;
#[cfg(mistake = "file_name_for_a_store")]
mod file_name_for_a_store;
#[cfg(mistake = "file_name_for_an_assertion")]
mod file_name_for_an_assertion;
#[cfg(mistake = "file_name_for_keys")]
mod file_name_for_keys;
#[cfg(mistake = "pair_for_client_auth")]
mod pair_for_client_auth;
#[cfg(mistake = "refusal_with_another_body")]
mod refusal_with_another_body;
#[cfg(mistake = "service_that_can_not_be_cloned")]
mod service_that_can_not_be_cloned;
#[cfg(mistake = "text_for_a_grant")]
mod text_for_a_grant;
#[cfg(mistake = "text_for_a_token")]
mod text_for_a_token;
#[cfg(mistake = "token_endpoint_without_a_transport")]
mod token_endpoint_without_a_transport;

fn main() {}
