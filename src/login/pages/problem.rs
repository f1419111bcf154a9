//! Why a page is shown, for those who decide.

use std::{borrow::Cow, time::Duration};

use super::{Page, PageKind};
use crate::BoxError;

/// A page that is about to be shown, and what the operator is told of it.
pub(in crate::login) struct Problem {
    pub(in crate::login) kind: PageKind,
    pub(super) reason: Cow<'static, str>,
    pub(super) error: Option<BoxError>,
    pub(super) retry_after: Option<Duration>,
}

impl Problem {
    pub(in crate::login) fn new(kind: PageKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            error: None,
            retry_after: None,
        }
    }

    pub(in crate::login) fn not_accepted(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(PageKind::NotAccepted, reason)
    }

    /// The same as a reason for another page.
    pub(in crate::login) fn about(mut self, kind: PageKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same for those who show no page.
    pub(in crate::login) fn into_error(self) -> BoxError {
        self.page(String::new()).into()
    }

    pub(in crate::login) fn because(mut self, error: impl Into<BoxError>) -> Self {
        self.error = Some(error.into());
        self
    }

    pub(in crate::login) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The page, with a way to go on.
    pub(in crate::login) fn page(self, link: String) -> Page {
        Page::new(self, link)
    }
}
