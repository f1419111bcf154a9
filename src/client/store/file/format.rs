//! What stands in the file: JSON of a known version, its content behind a checksum.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{
    clock::milliseconds,
    scope::ScopeSet,
    token::{AccessToken, Expiry, RefreshToken, Tokens},
};

const FORMAT: &str = "tower-bearer tokens";
const VERSION: u64 = 1;

/// What is remembered.
#[derive(Clone)]
pub(super) struct Record {
    /// Counts the tokens since the log-in, from 1.
    generation: u64,
    /// Whether somebody set out to spend the refresh token and never wrote down the outcome.
    pub(super) refresh_begun: bool,
    pub(super) tokens: Tokens,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Torn, damaged, or not ours at all: these can't be told apart.
    Damaged,
    NewerVersion(u64),
}

impl Record {
    pub(super) fn first(tokens: Tokens) -> Self {
        Self {
            generation: 1,
            refresh_begun: false,
            tokens,
        }
    }

    pub(super) fn next(&self, tokens: Tokens) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            ..Self::first(tokens)
        }
    }

    pub(super) fn with_refresh_begun(&self, refresh_begun: bool) -> Self {
        Self {
            refresh_begun,
            ..self.clone()
        }
    }

    pub(super) fn encode(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        let content = Content::of(self);
        let content = json(&content, content.longest())?;
        let content: &RawValue = serde_json::from_slice(&content)?;
        let document = Document {
            format: FORMAT,
            version: VERSION,
            checksum: checksum(content),
            content,
        };
        json(&document, content.get().len())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        // serde_json's errors quote what they have read, and that may be a token.
        let head: Head<'_> = serde_json::from_slice(bytes).map_err(|_| Unreadable::Damaged)?;
        match head.version {
            _ if head.format != FORMAT => return Err(Unreadable::Damaged),
            VERSION => {}
            newer if newer > VERSION => return Err(Unreadable::NewerVersion(newer)),
            _ => return Err(Unreadable::Damaged),
        }
        Self::decode_version_1(bytes).ok_or(Unreadable::Damaged)
    }

    fn decode_version_1(bytes: &[u8]) -> Option<Self> {
        let document: Document<'_> = serde_json::from_slice(bytes).ok()?;
        if document.checksum != checksum(document.content) {
            return None;
        }
        let content: Content = serde_json::from_str(document.content.get()).ok()?;
        let mut tokens = Tokens::new(content.access_token.read()?);
        if let Some(refresh) = content.refresh_token {
            tokens = tokens.with_refresh_token(refresh.read()?);
        }
        Some(Self {
            generation: content.generation,
            refresh_begun: content.refresh_begun,
            tokens,
        })
    }
}

/// What each version of the file begins with.
#[derive(Deserialize)]
struct Head<'a> {
    format: &'a str,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    format: &'a str,
    version: u64,
    checksum: u32,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Any damage within 32 bits, and all but one in four billion of any other.
fn checksum(content: &RawValue) -> u32 {
    crc32fast::hash(content.get().as_bytes())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    generation: u64,
    refresh_begun: bool,
    access_token: Access,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Refresh>,
}

/// Times are milliseconds, those of the calendar since 1970 (UTC).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    value: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refresh {
    value: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl Content {
    fn of(record: &Record) -> Self {
        let access = record.tokens.access_token();
        let expiry = access.expiry();
        let refresh = record.tokens.refresh_token();
        Self {
            generation: record.generation,
            refresh_begun: record.refresh_begun,
            access_token: Access {
                value: access.expose().to_owned().into(),
                expires_at: expiry.map(|end| since_1970(end.wall())),
                lifetime: expiry.and_then(|end| end.lifetime()).map(milliseconds),
                scope: access.scope().map(|scope| scope.as_str().to_owned()),
            },
            refresh_token: refresh.map(|refresh| Refresh {
                value: refresh.secret().expose().to_owned().into(),
                expires_at: refresh.expiry().map(since_1970),
            }),
        }
    }

    /// How long it can get as JSON, which writes a byte as `\u0000` at worst, without the
    /// names.
    fn longest(&self) -> usize {
        let access = self.access_token.value.len();
        let scope = self.access_token.scope.as_ref().map_or(0, String::len);
        let refresh = self.refresh_token.as_ref().map_or(0, |it| it.value.len());
        (access + scope + refresh).saturating_mul(6)
    }
}

impl Access {
    fn read(self) -> Option<AccessToken> {
        let mut token = AccessToken::new(self.value).ok()?;
        if let Some(end) = self.expires_at {
            let end = Expiry::at(moment(end)?);
            token = token.with_expiry(match self.lifetime {
                Some(lifetime) => end.with_lifetime(Duration::from_millis(lifetime)),
                None => end,
            });
        }
        Some(match self.scope {
            Some(scope) => token.with_scope(ScopeSet::parse(&scope)),
            None => token,
        })
    }
}

impl Refresh {
    fn read(self) -> Option<RefreshToken> {
        let token = RefreshToken::new(self.value);
        Some(match self.expires_at {
            Some(end) => token.with_expiry(moment(end)?),
            None => token,
        })
    }
}

/// In a buffer that does not grow: the memory that it would leave behind is not wiped.
fn json(value: &impl Serialize, longest: usize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    const NAMES_AND_NUMBERS: usize = 512;
    let mut buffer = Zeroizing::new(Vec::with_capacity(longest + NAMES_AND_NUMBERS));
    serde_json::to_writer(&mut *buffer, value)?;
    Ok(buffer)
}

fn since_1970(moment: SystemTime) -> u64 {
    moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, milliseconds)
}

fn moment(since_1970: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since_1970))
}
