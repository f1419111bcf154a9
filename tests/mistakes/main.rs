//! Programs with a mistake that people make. `tests/compile_errors.rs` compiles each with its
//! `mistake` and reads what the compiler says; without one there is nothing to compile.

#[cfg(mistake = "body_without_default")]
mod body_without_default;
#[cfg(mistake = "claims_that_can_not_be_read")]
mod claims_that_can_not_be_read;
#[cfg(mistake = "file_name_for_keys")]
mod file_name_for_keys;
#[cfg(mistake = "refusal_with_another_body")]
mod refusal_with_another_body;
#[cfg(mistake = "service_that_can_not_be_cloned")]
mod service_that_can_not_be_cloned;
#[cfg(mistake = "text_for_a_token")]
mod text_for_a_token;
#[cfg(mistake = "token_endpoint_without_a_transport")]
mod token_endpoint_without_a_transport;

fn main() {}
