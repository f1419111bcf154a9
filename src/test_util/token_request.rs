//! A request to the token endpoint or the revocation endpoint: what is asked, and who asks.

use http::request::Parts;

use super::{
    AuthorizationServer, ReceivedTokenRequest, RegisteredClient, client_authentication::Presented,
    form::Form, refusal::Refusal, state::State,
};

/// A request, read.
pub(super) struct Asked {
    pub(super) form: Form,
    client: Presented,
}

impl Asked {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let form = Form::read(parts, body)?;
        let client = Presented::read(parts, &form)?;
        Ok(Self { form, client })
    }

    pub(super) fn grant_type(&self) -> Option<&str> {
        self.form.get("grant_type")
    }

    pub(super) fn record(&self) -> ReceivedTokenRequest {
        let (id, by) = self.client.record();
        ReceivedTokenRequest::new(id, by, self.form.iter())
    }

    /// The client that proved who it is.
    pub(super) fn client<'s>(
        &self,
        server: &'s AuthorizationServer,
        state: &mut State,
    ) -> Result<&'s RegisteredClient, Refusal> {
        self.client.proven(server, state)
    }
}
