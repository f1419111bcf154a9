//! A text with places for what differs from tenant to tenant.

use std::{error::Error, fmt};

use crate::excerpt::excerpt;

/// What an issuer of many tenants looks like. `*` stands for one segment of the path or one
/// label of the host; `{claim}` for the same, which has to be the value of that claim too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Segment {
        claim: Option<Box<str>>,
        is_in_host: bool,
    },
}

/// Longer names of tenants are none.
const MAX_SEGMENT: usize = 128;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let malformed = |why| PatternError {
            text: excerpt(text),
            why,
        };
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(start) = rest.find(['*', '{', '}']) {
            let (before, from) = rest.split_at(start);
            let at = text.len() - from.len();
            let (claim, after) = place(from).ok_or_else(|| malformed(NOT_CLOSED))?;
            let is_in_host = place_of(text, at).map_err(malformed)?;
            check_neighbour(after, is_in_host).map_err(malformed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let claim = claim.map(Box::from);
            parts.push(Part::Segment { claim, is_in_host });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self {
            text: text.into(),
            parts: parts.into(),
        })
    }

    /// The same of a text that a provider wrote, such as `…/{tenantid}/v2.0`: what its
    /// places are called is no claim. A text that is no pattern stands for itself.
    pub(super) fn template(text: &str) -> Self {
        let mut pattern = Self::parse(text).unwrap_or_else(|_| Self {
            text: text.into(),
            parts: [Part::Text(text.into())].into(),
        });
        for part in &mut pattern.parts {
            if let Part::Segment { claim, .. } = part {
                *claim = None;
            }
        }
        pattern
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The claims that have to agree with it.
    pub(super) fn claims(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Segment { claim, .. } => claim.as_deref(),
            Part::Text(_) => None,
        })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.segments(value).is_some()
    }

    /// What stands in each place that names a claim, if the whole value fits.
    pub(super) fn segments<'v>(&self, value: &'v str) -> Option<Vec<(&str, &'v str)>> {
        let (mut rest, mut named) = (value, Vec::new());
        for part in &self.parts {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(&**text)?,
                Part::Segment { claim, is_in_host } => {
                    let (segment, after) = segment(rest, *is_in_host)?;
                    named.extend(claim.as_deref().map(|claim| (claim, segment)));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(named)
    }
}

const NOT_CLOSED: &str = "a `{` has no `}`, or a `}` no `{`, or there is no name between them";

/// Takes `*` or `{claim}` from the beginning.
fn place(from: &str) -> Option<(Option<&str>, &str)> {
    if let Some(after) = from.strip_prefix('*') {
        return Some((None, after));
    }
    let (name, after) = from.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && !name.contains(['{', '*']);
    is_name.then_some((Some(name), after))
}

/// Whether a place is in the host. There, two labels of one's own have to follow, or the
/// pattern would take anybody's.
fn place_of(text: &str, at: usize) -> Result<bool, &'static str> {
    let Some((scheme, _)) = text.split_once("://") else {
        return Ok(false);
    };
    let host_start = scheme.len() + 3;
    if at < host_start {
        return Err("there is no choice of the scheme");
    }
    let host = text.get(host_start..).unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    let Some(from) = host.get(at - host_start..).filter(|from| !from.is_empty()) else {
        return Ok(false);
    };
    let after = from.rsplit(['*', '}']).next().unwrap_or_default();
    let after = after.split(':').next().unwrap_or_default();
    let labels = after.strip_prefix('.').unwrap_or_default().split('.');
    let own = labels.filter(|label| !label.is_empty()).count();
    match own >= 2 {
        true => Ok(true),
        false => Err("after the last place in the host, two labels have to follow"),
    }
}

/// A place ends where its segment does, so that there is one way to read a value.
fn check_neighbour(after: &str, is_in_host: bool) -> Result<(), &'static str> {
    match after.chars().next() {
        None | Some('/') => Ok(()),
        Some('.') if is_in_host => Ok(()),
        Some(_) => Err("a place stands for a whole segment, or the end of one"),
    }
}

/// Takes one segment from the beginning: what may stand in a URL and means nothing there.
fn segment(rest: &str, is_in_host: bool) -> Option<(&str, &str)> {
    let is_end = |character| character == '/' || is_in_host && matches!(character, '.' | ':');
    let (segment, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
    let is_allowed = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_')
            || !is_in_host && matches!(byte, b'.' | b'~')
    };
    let is_name = segment.bytes().all(is_allowed) && segment.bytes().any(|byte| byte != b'.');
    (is_name && segment.len() <= MAX_SEGMENT).then_some((segment, after))
}

/// A text that is no pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct PatternError {
    text: String,
    why: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a pattern: {}; write it as `https://id.example/{{tid}}/v2.0` or `https://*.id.example`",
            self.text, self.why
        )
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatternError({self})")
    }
}

impl Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stands_for_one_segment_and_nothing_else() {
        let entra = "https://login.example.com/{tid}/v2.0";
        let hosts = "https://*.id.example/";
        let rows = [
            (entra, "https://login.example.com/0a1b-2c/v2.0", true),
            (entra, "https://login.example.com//v2.0", false),
            (entra, "https://login.example.com/a/b/v2.0", false),
            (entra, "https://login.example.com/../v2.0", false),
            (entra, "https://login.example.com/a.b/v2.0", true),
            (entra, "https://login.example.com/a%2fb/v2.0", false),
            (entra, "https://login.example.com/a?x=/v2.0", false),
            (entra, "https://login.example.com/a#/v2.0", false),
            (entra, "https://login.example.com/a/v2.0/", false),
            (entra, "https://login.example.com/a/v2.0x", false),
            (entra, "xhttps://login.example.com/a/v2.0", false),
            (entra, "https://login.example.com/ä/v2.0", false),
            (hosts, "https://a.id.example/", true),
            (hosts, "https://a-1.id.example/", true),
            (hosts, "https://a.b.id.example/", false),
            (hosts, "https://evil.example/.id.example/", false),
            (hosts, "https://evil.example:443#.id.example/", false),
            (hosts, "https://user@a.id.example/", false),
            (hosts, "https://a:443.id.example/", false),
            (hosts, "https://.id.example/", false),
            (
                "https://tenant-*.id.example",
                "https://tenant-a.id.example",
                true,
            ),
            (
                "https://tenant-*.id.example",
                "https://tenant-.id.example",
                false,
            ),
            ("https://*.{b}.id.example", "https://a.b.id.example", true),
            ("https://id.example/*/{b}", "https://id.example/a/b", true),
            ("https://id.example", "https://id.example", true),
            ("urn:tenant/*", "urn:tenant/a", true),
        ];
        for (pattern, value, expected) in rows {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(
                pattern.matches(value),
                expected,
                "{} {value}",
                pattern.text()
            );
        }
        let long = format!("https://login.example.com/{}/v2.0", "a".repeat(129));
        assert!(!Pattern::parse(entra).unwrap().matches(&long));
    }

    #[test]
    fn what_stands_in_a_named_place_is_told() {
        let pattern = Pattern::parse("https://{region}.id.example/*/{tid}").unwrap();
        assert_eq!(pattern.claims().collect::<Vec<_>>(), ["region", "tid"]);
        let named = pattern.segments("https://eu.id.example/a/b").unwrap();
        assert_eq!(named, [("region", "eu"), ("tid", "b")]);
    }

    #[test]
    fn a_pattern_that_would_take_anybody_or_be_read_in_two_ways_is_refused() {
        for text in [
            "https://*",
            "https://*/",
            "https://*.com/",
            "https://*.com:443/",
            "https://id.*/",
            "https://id.example.*",
            "*://id.example",
            "{scheme}://id.example",
            "https://id.example:*/",
            "https://*api.id.example",
            "https://id.example/*x",
            "https://id.example/*.json",
            "https://id.example/**",
            "https://id.example/{a}{b}",
            "https://id.example/{tid",
            "https://id.example/tid}",
            "https://id.example/{}",
            "https://id.example/{a{b}}",
        ] {
            let error = Pattern::parse(text).expect_err(text).to_string();
            assert!(error.contains("write it as"), "{error}");
        }
    }

    #[test]
    fn a_providers_own_text_names_no_claims_and_may_be_no_pattern() {
        let template = Pattern::template("https://login.example.com/{tenantid}/v2.0");
        assert_eq!(template.claims().count(), 0);
        assert!(template.matches("https://login.example.com/a/v2.0"));
        let odd = Pattern::template("https://{host}/");
        assert!(odd.matches("https://{host}/") && !odd.matches("https://evil/"));
    }
}
