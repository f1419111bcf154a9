//! Sending a browser to the login page.

use bytes::Bytes;
use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::transaction::{Transaction, leaving, tag};
use crate::login::{
    PageKind,
    cookie::{Jar, Lasting, SetCookie},
    gate::Gate,
    pages::Problem,
    request::return_to,
    session::not_sealed,
};

/// How many logins there were, and since when: more than a person can want, one after the
/// other, are a loop.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Logins {
    count: u32,
    since: u64,
}

/// So many within this many seconds are a loop.
const LOOP: (u32, u64) = (4, 60);

impl Gate {
    pub(in crate::login) async fn begin(&self, request: &Request<()>) -> Response<Bytes> {
        let jar = Jar::new(request.headers());
        let wanted = self.wanted(request);
        if self.is_loop(jar) {
            let reason =
                "logins follow each other, and none lasts: does the browser keep our cookies?";
            let mut response = self.show(Problem::new(PageKind::Loop, reason), wanted);
            let gone = SetCookie::gone(self.settings().cookies.logins());
            self.set_cookies(response.headers_mut(), &[gone]);
            return response;
        }
        match self.login_address(&wanted).await {
            Err(problem) => self.show(problem, wanted),
            Ok((address, cookie)) => {
                let mut cookies: Vec<_> = self.leaving(jar).map(SetCookie::gone).collect();
                cookies.push(cookie);
                let mut response = self.redirect(&address);
                self.set_cookies(response.headers_mut(), &cookies);
                response
            }
        }
    }

    /// The page that the browser wanted, as a path of this site: where it begins again.
    pub(in crate::login) fn wanted(&self, request: &Request<()>) -> String {
        return_to(self.settings().address.prefix(), request.uri())
    }

    /// Where the login page is, and the cookie of a login that begins.
    async fn login_address(&self, wanted: &str) -> Result<(String, SetCookie), Problem> {
        let settings = self.settings();
        let metadata = settings.provider.metadata(settings.timing.provider).await?;
        let transaction = Transaction::begin(wanted.to_owned(), self.now());
        let transaction = transaction.ok_or_else(not_sealed)?;
        let redirect_uri = self.redirect_uri();
        let provider = &settings.provider;
        let address = provider.login_address(&metadata, &transaction, &redirect_uri)?;
        let name = tag(&transaction.state).map(|tag| settings.cookies.transaction(tag));
        let name = name.ok_or_else(not_sealed)?;
        let value = self.seal(&transaction_context(&name), &transaction);
        let cookie = SetCookie {
            value: value.ok_or_else(not_sealed)?,
            name,
            lasting: Lasting::Seconds(settings.timing.login.as_secs()),
        };
        Ok((address, cookie))
    }

    /// Where the provider sends the browser back to.
    pub(in crate::login) fn redirect_uri(&self) -> String {
        self.settings().address.url(&self.settings().callback)
    }

    /// The cookies of logins that have to go for another.
    fn leaving(&self, jar: Jar<'_>) -> impl Iterator<Item = String> {
        let prefix = self.settings().cookies.transactions();
        let ours = jar.all().filter(|(name, _)| name.starts_with(&prefix));
        let under_way = ours.map(|(name, value)| {
            let opened = self.open::<Transaction>(&transaction_context(name), value);
            (
                name.to_owned(),
                opened.map(|transaction| transaction.began_at),
            )
        });
        let longest = self.settings().timing.login.as_secs();
        leaving(under_way.collect(), self.now(), longest)
    }

    /// The login that an answer belongs to, and the name of its cookie.
    pub(in crate::login) fn transaction(
        &self,
        jar: Jar<'_>,
        state: &str,
    ) -> Option<(Transaction, String)> {
        let name = self.settings().cookies.transaction(tag(state)?);
        let transaction: Transaction = self.open(&transaction_context(&name), jar.one(&name)?)?;
        let age = self.now().saturating_sub(transaction.began_at);
        let is_in_time = age < self.settings().timing.login.as_secs();
        (transaction.state == state && is_in_time).then_some((transaction, name))
    }

    fn logins(&self, jar: Jar<'_>) -> Logins {
        let sealed = jar.one(&self.settings().cookies.logins());
        let opened = sealed.and_then(|sealed| self.open(&self.context("logins"), sealed));
        let recent = |logins: &Logins| self.now().saturating_sub(logins.since) < LOOP.1;
        opened.filter(recent).unwrap_or(Logins {
            count: 0,
            since: self.now(),
        })
    }

    fn is_loop(&self, jar: Jar<'_>) -> bool {
        self.logins(jar).count >= LOOP.0
    }

    /// Counts one more login; it fades by itself.
    pub(in crate::login) fn counted(&self, jar: Jar<'_>) -> Option<SetCookie> {
        let mut logins = self.logins(jar);
        logins.count = logins.count.saturating_add(1);
        Some(SetCookie {
            name: self.settings().cookies.logins(),
            value: self.seal(&self.context("logins"), &logins)?,
            lasting: Lasting::Seconds(LOOP.1),
        })
    }
}

/// What was sealed for one login is opened for no other.
fn transaction_context(cookie_name: &str) -> String {
    format!("transaction {cookie_name}")
}
